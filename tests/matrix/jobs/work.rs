use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{mpsc, Arc, Mutex};
use std::thread;

// Threads, channels, a server with clients, a panic that is caught, a process.
fn main() {
    let shared = Arc::new(Mutex::new(BTreeMap::new()));
    let workers: Vec<_> = (0..4u64)
        .map(|n| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                for i in 0..5000u64 {
                    let text = format!("{}", n * 5000 + i);
                    shared.lock().unwrap().insert(text.clone(), text.len());
                }
            })
        })
        .collect();
    for w in workers {
        w.join().unwrap();
    }
    println!("{}", shared.lock().unwrap().values().sum::<usize>());
    let (send, receive) = mpsc::channel();
    for n in 0..3 {
        let send = send.clone();
        thread::spawn(move || (0..1000).for_each(|i| send.send(n * i).unwrap()));
    }
    drop(send);
    println!("{}", receive.iter().sum::<i32>());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        for c in listener.incoming().take(10) {
            let mut c = c.unwrap();
            let mut line = String::new();
            BufReader::new(c.try_clone().unwrap()).read_line(&mut line).unwrap();
            c.write_all(line.to_uppercase().as_bytes()).unwrap();
        }
    });
    let mut seen: HashMap<usize, usize> = HashMap::new();
    for n in 0..10 {
        let mut c = TcpStream::connect(to).unwrap();
        writeln!(c, "client {}", "x".repeat(n)).unwrap();
        let mut line = String::new();
        BufReader::new(c).read_line(&mut line).unwrap();
        *seen.entry(line.len()).or_default() += 1;
    }
    server.join().unwrap();
    println!("{}", seen.len());
    // The message of the default hook names the thread by its number.
    std::panic::set_hook(Box::new(|p| eprintln!("{}", p.payload().downcast_ref::<&str>().unwrap())));
    println!("{}", thread::spawn(|| { if true { panic!("as it should") } }).join().is_err());
    let out = Command::new("sort").arg("-r").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().and_then(|mut p| {
        p.stdin.take().unwrap().write_all(b"a\nc\nb\n")?;
        p.wait_with_output()
    });
    print!("{}", String::from_utf8(out.unwrap().stdout).unwrap());
    let pid = std::process::id().to_string();
    let here = std::env::var("MATRIX_HERE").unwrap();
    Command::new("sh").arg(here + "/agree.sh").arg(pid).status().unwrap();
    std::process::exit(9);
}
