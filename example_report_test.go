// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/kmemleak/kmemleak"
)

// A report is read and its leaks are printed with the function that lost them.
func ExampleParse() {
	f, err := os.Open("testdata/reports/hello_kernel-6.12-x86_64.txt")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	leaks, err := kmemleak.Parse(f)
	if err != nil {
		log.Fatal(err)
	}
	for _, l := range leaks[:4] {
		fmt.Printf("%d bytes, %q: %v\n", l.Size, l.Comm, l.Owner().Call.Frame)
	}
	// Output:
	// 4096 bytes, "test": myfunc+0xa/0x20 [hello_kernel]
	// 4096 bytes, "test": myfunc+0x14/0x20 [hello_kernel]
	// 4096 bytes, "test": 0xffffffffc01d3017
	// 64 bytes, "test": greet.constprop.0+0x19/0x60 [hello_kernel]
}

// What an unknown line gives.
func ExampleParse_error() {
	report := `unreferenced object 0xffff888101a2b3c0 (size 32):
  comm "insmod", pid 776, jiffies 4294682844
  backtrace:
    myfunc+0xa/0x1e [hello]
  colour: green
`
	leaks, err := kmemleak.Parse(strings.NewReader(report))
	fmt.Println(len(leaks), "leak;", err)

	var pe *kmemleak.ParseError
	fmt.Println(errors.As(err, &pe), pe.Line)
	// Output:
	// 1 leak; line 5: not a frame: "  colour: green"
	// true 5
}

// Leaks in a mail: quoted, with a wrapped line, and cut.
func ExampleExtract() {
	mail := `On Monday you wrote:
> [   76.611642][  T170] kmemleak: unreferenced object 0xffff888101a2b3c0
> (size 32):
> [   76.618965][  T170] kmemleak:   comm "insmod", pid 776, jiffies 4294682844
> [   76.620000][    C1] usb 1-1: new high-speed USB device
> [   76.627031][  T170] kmemleak:   backtrace:
> [   76.631206][  T170] kmemleak:     [<ffffffffc0a011d3>]
> myfunc+0xa/0x1e [hello]
> [   76.638596][  T170] kmemleak: unreferenced object 0xffff888101a2b400 (size 64):

Thank you!
`
	for l, err := range kmemleak.Extract(strings.NewReader(mail)) {
		fmt.Printf("0x%x, %d bytes, %v, %v\n", l.Addr, l.Size, l.Backtrace, err)
	}
	// Output:
	// 0xffff888101a2b3c0, 32 bytes, [myfunc+0xa/0x1e [hello]], <nil>
	// 0xffff888101a2b400, 64 bytes, [], line 9: record of object 0xffff888101a2b400: the comm line is missing
}

func ExampleParseFrame() {
	f, err := kmemleak.ParseFrame("[<00000000cd474082>] greet.constprop.0+0x19/0x60 [hello_kernel]")
	fmt.Printf("%s %#x %#x %s %v\n", f.Func, f.Offset, f.Size, f.Module, err)
	// Output: greet.constprop.0 0x19 0x60 hello_kernel <nil>
}

// The leaks of each place together, the largest first.
func ExampleGroups() {
	f, err := os.Open("testdata/reports/hello_kernel-6.12-x86_64.txt")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	leaks, err := kmemleak.Parse(f)
	if err != nil {
		log.Fatal(err)
	}
	for _, g := range kmemleak.Groups(leaks) {
		fmt.Printf("%d leaks, %d bytes, %s, %v\n", g.Count, g.Bytes, g.Fingerprint, g.Example.Owner().Call.Frame)
	}
	// Output:
	// 2 leaks, 8192 bytes, 2a2b3f2db5b8094b, myfunc+0xa/0x20 [hello_kernel]
	// 1 leaks, 4096 bytes, 204e79c54e2fb69d, 0xffffffffc01d3017
	// 5 leaks, 320 bytes, 22052d4a37622390, greet.constprop.0+0x19/0x60 [hello_kernel]
}

func ExampleParseSuppressions() {
	list, err := kmemleak.ParseSuppressions(strings.NewReader(`
leak: fixed in 2.1, we ship 2.0 until January
    frame: myfunc
    module: hello-*
    expires: 2027-01-31
leak: not seen any more?
    frame: kvasprintf_const
    frame: ...
    frame: iscsi_register_transport
`))
	if err != nil {
		log.Fatal(err)
	}
	leaks := []kmemleak.Leak{{Size: 4096, Backtrace: []kmemleak.Frame{
		{Func: "vmalloc", Offset: 0x67, Size: 0x70},
		{Func: "myfunc", Offset: 0xd, Size: 0x23, Module: "hello_kernel"},
	}}}
	rest, uses := list.Filter(leaks, time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	fmt.Println(len(rest), "left")
	for _, u := range uses {
		fmt.Printf("line %d: %d leaks of %d bytes\n", u.Line, u.Count, u.Bytes)
	}
	// Output:
	// 0 left
	// line 2: 1 leaks of 4096 bytes
	// line 6: 0 leaks of 0 bytes
}

// When was it allocated?
func ExampleClock() {
	clock, err := kmemleak.TimerListClock(strings.NewReader("now at 100030000000 nsecs\njiffies: 4294917296\n"))
	if err != nil {
		log.Fatal(err)
	}
	clock.Wall = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	leak := kmemleak.Leak{Jiffies: 4294907296}
	uptime, _ := clock.Since(leak.Jiffies)
	at, _ := clock.Time(leak.Jiffies)
	fmt.Println(clock.HZ, uptime, at.Format(time.TimeOnly))
	// Output: 250 1m0.03s 11:59:20
}

func ExampleLeak_MarshalJSON() {
	b, err := json.Marshal(kmemleak.Leak{
		Addr: 0xffff888101a2b3c0, Size: 8, Comm: "insmod", PID: 776, Jiffies: 4294682844, Data: []byte("name=..."),
		Backtrace: []kmemleak.Frame{{Func: "myfunc", Offset: 0xa, Size: 0x1e, Module: "hello"}},
	})
	fmt.Println(string(b), err)
	// Output: {"addr":"0xffff888101a2b3c0","size":8,"comm":"insmod","pid":776,"jiffies":4294682844,"data":"6e616d653d2e2e2e","backtrace":[{"func":"myfunc","offset":"0xa","size":"0x1e","module":"hello"}]} <nil>
}
