//go:build cgo

package main

/*
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void *work(void *p) { long n = 0; for (int i = 0; i < 2000; i++) { char *s = strdup("block of C"); n += goAdd((int)strlen(s), 1); free(s); }
	*(long *)p = n; return p; }
static long threads(void)
{
	pthread_t t[4];
	long n[4], sum = 0;
	for (int i = 0; i < 4; i++) pthread_create(&t[i], 0, work, &n[i]);
	for (int i = 0; i < 4; i++) { pthread_join(t[i], 0); sum += n[i]; }
	return sum;
}
*/
import "C"

import (
	"fmt"
	"unsafe"
)

const cgo = true

//export goAdd
func goAdd(a, b C.int) C.int { return a + b }

func extra() string {
	p := C.CString("from Go")
	defer C.free(unsafe.Pointer(p))
	return fmt.Sprint("with C: ", C.GoString(p), " ", C.threads())
}
