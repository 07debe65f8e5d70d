package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// Goroutines, a server with clients, files and a process.
func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewScanner(c)
				for in.Scan() {
					fmt.Fprintln(c, strings.ToUpper(in.Text()))
				}
			}()
		}
	}()
	got := make([]string, 30)
	var wait sync.WaitGroup
	for n := range got {
		wait.Add(1)
		go func(n int) {
			defer wait.Done()
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				panic(err)
			}
			defer c.Close()
			in := bufio.NewReader(c)
			for i := 0; i < 20; i++ {
				fmt.Fprintf(c, "client %d line %d\n", n, i)
				line, _ := in.ReadString('\n')
				got[n] += line
			}
		}(n)
	}
	wait.Wait()
	fmt.Printf("%x\n", sha256.Sum256([]byte(strings.Join(got, ""))))
	sort := exec.Command("sort", "-r")
	sort.Stdin = strings.NewReader("a\nc\nb\n")
	out, err := sort.Output()
	fmt.Print(string(out), err, "\n")
	fmt.Println(extra())
	here := os.Getenv("MATRIX_HERE")
	// What Go itself opens and starts is seen by no hook.
	tell := exec.Command("sh", here+"/agree.sh", fmt.Sprint(os.Getpid()), "fds_unseen", "threads_unseen")
	tell.Stdout, tell.Stderr = os.Stdout, os.Stderr
	if cgo {
		fmt.Println(tell.Run())
	}
	os.Exit(4)
}
