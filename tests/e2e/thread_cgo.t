#!/bin/sh
# Go with cgo: threads by pthread_create are seen, those by raw clone and Go's own descriptors are not, and nobody is
# accused of them; Go's exit is a raw system call, so a snapshot is taken while it runs.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
. "$ROOT/tests/e2e/kinds.sh"
need jq nm go gcc
mkdir snaps
export OUTLIVE_OPTIONS="out=$PWD/snaps"

cat > kinds.go << 'GO'
package main

/*
#include <pthread.h>
#include <stdlib.h>
static void *body(void *p) { return p; }
static void leave_unjoined(void) { pthread_t t; pthread_create(&t, 0, body, 0); }
*/
import "C"
import (
	"fmt"
	"net"
	"os"
)

func main() {
	C.leave_unjoined()
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	f, _ := os.Open("/dev/zero")
	p := C.malloc(1000)
	fmt.Println("ready")
	var line string
	fmt.Scanln(&line)
	fmt.Println("end")
	l.Close()
	f.Close()
	C.free(p)
}
GO
ok "go build" env GOCACHE="$PWD/cache" GO111MODULE=off CGO_ENABLED=1 go build -o kinds kinds.go
driven ./kinds
hear ready
look
# A listener, an epoll, its pipe or eventfd, the file.
same go '[0-9]+' '[3-9]'
is "go: what Go opened by itself has no stack" \
  "$(q '.fds[] | select(.names == "/dev/zero") | "\(.stack | length) \(.flags | index("unseen") != null)"')" "0 true"
is "go: a thread that C left unjoined" "$(q '[.threads[] | select(.state == "ended" and (.flags | index("detached") | not))] | length')" 1
"$OUTLIVE" threads --json "$snap" > threads.json
is "go: it is found where C made it" "$(jq -r '.rows[] | select(.leak == "unjoined") | .start_routine' threads.json)" body
is "go: nothing else is accused" "$("$OUTLIVE" residue --json "$snap" | jq -r '[.rows[] | .leak] | unique | join(" ")')" unjoined
say go
wait_for grep -qx end "$pid.log"
wait "$pid"
is "go: output and status" "$? $(tr '\n' ' ' < "$pid.log")" "0 ready end "
done_testing
