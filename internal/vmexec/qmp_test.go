// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"encoding/json"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmemleak/kmemleak/internal/vmexec/guest"
)

// TestDump talks to a QEMU that says what it was told.
func TestDump(t *testing.T) {
	for _, c := range []struct {
		name    string
		files   []dumpFile
		refused string // the command that QEMU refuses
		want    []string
		err     string
	}{
		{"two", []dumpFile{{"elf", "/a"}, {"kdump-zlib", "/b"}}, "",
			[]string{"qmp_capabilities", "stop", "dump-guest-memory elf /a", "dump-guest-memory kdump-zlib /b", "quit"}, ""},
		{"refused", []dumpFile{{"kdump-lzo", "/a"}}, "dump-guest-memory",
			[]string{"qmp_capabilities", "stop", "dump-guest-memory kdump-lzo /a", "quit"}, "dump-guest-memory: not available"},
	} {
		t.Run(c.name, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "qmp")
			listener, err := net.Listen("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			told := make(chan []string)
			go func() {
				var got []string
				defer func() { told <- got }()
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				io.WriteString(conn, `{"QMP": {"version": {}}}`+"\n")
				for d := json.NewDecoder(conn); ; {
					var command struct {
						Execute   string
						Arguments *struct{ Protocol, Format string }
					}
					message := json.RawMessage{}
					if d.Decode(&message) != nil || json.Unmarshal(message, &command) != nil {
						return
					}
					if strings.Contains(string(message), "null") {
						io.WriteString(conn, `{"error": {"desc": "QMP input member 'arguments' must be an object"}}`+"\n")
						continue
					}
					said := command.Execute
					if command.Arguments != nil {
						said += " " + command.Arguments.Format + " " + strings.TrimPrefix(command.Arguments.Protocol, "file:")
					}
					got = append(got, said)
					if command.Execute == c.refused {
						io.WriteString(conn, `{"error": {"class": "GenericError", "desc": "not available"}}`+"\n")
						continue
					}
					io.WriteString(conn, `{"event": "STOP"}`+"\n"+`{"return": {}}`+"\n")
				}
			}()
			got := ""
			if err := dumpBy(socket, c.files); err != nil {
				got = err.Error()
			}
			if got != c.err {
				t.Errorf("error %q, want %q", got, c.err)
			}
			if commands := <-told; !slices.Equal(commands, c.want) {
				t.Errorf("commands %q, want %q", commands, c.want)
			}
		})
	}
}

func TestParseDumps(t *testing.T) {
	files, err := parseDumps(list{"elf=/a=b", "kdump-zlib=/c"})
	if want := []dumpFile{{"elf", "/a=b"}, {"kdump-zlib", "/c"}}; err != nil || !slices.Equal(files, want) {
		t.Errorf("%v, %v", files, err)
	}
	if _, err := parseDumps(list{"file"}); err == nil {
		t.Error("-dump file is no error")
	}
}

func TestEndWatcher(t *testing.T) {
	ends := 0
	w := endWatcher{&guest.StatusFilter{W: io.Discard}, func() { ends++ }}
	for _, text := range []string{"PASS\n", guest.StatusLine(0), "more"} {
		io.WriteString(&w, text)
	}
	if ends != 1 {
		t.Errorf("ended %d times", ends)
	}
}
