// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmemleak/kmemleak/internal/need"
)

// returnsSource has functions whose names say what they return.
const returnsSource = `
struct thing { int n[8]; };
typedef struct thing *handle;
typedef const handle fixed;
typedef long number;
typedef int (*function)(void);
volatile int sink;
static inline __attribute__((always_inline)) struct thing *pointer_inlined(struct thing *t) { sink++; return t; }
static inline __attribute__((always_inline)) int value_inlined(int n) { sink++; return n + sink; }
static inline __attribute__((always_inline)) void value_nothing_inlined(void) { sink++; }
__attribute__((noinline)) struct thing *pointer_plain(struct thing *t) { sink++; return pointer_inlined(t); }
__attribute__((noinline)) void *pointer_to_anything(void *p) { sink++; return p; }
__attribute__((noinline)) handle pointer_typedef(handle h) { sink++; return h; }
__attribute__((noinline)) fixed pointer_typedefs(handle h) { sink++; return h; }
__attribute__((noinline)) function pointer_to_function(function f) { sink++; return f; }
__attribute__((noinline)) number value_typedef(number n) { sink++; value_nothing_inlined(); return n + value_inlined(n); }
__attribute__((noinline)) struct thing value_structure(struct thing *t) { sink++; return *t; }
__attribute__((noinline)) void value_nothing(void) { sink++; }
__attribute__((noinline)) static int value_clone(int n, int unused) { sink += n; return sink; }
int value_user(void) { return value_clone(1, 2) + value_clone(3, 4); }
`

func TestReturns(t *testing.T) {
	need.Tools(t, "gcc clang-14", "gcc", "clang-14")
	dir := t.TempDir()
	source := filepath.Join(dir, "returns.c")
	if err := os.WriteFile(source, []byte(returnsSource), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"gcc -O0 -gdwarf-5", "gcc -O2 -gdwarf-5", "gcc -O2 -gdwarf-4", "gcc -O2 -gdwarf-2", "clang-14 -O2 -gdwarf-5", "clang-14 -O2 -gdwarf-4"} {
		t.Run(command, func(t *testing.T) {
			object := filepath.Join(dir, "returns.o")
			args := append(strings.Fields(command), "-c", "-o", object, source)
			if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			f, d := open(t, object)
			seen := make(map[string]bool)
			for _, s := range text(f) {
				for off := range s.Size {
					loc, err := d.Lookup(s.Addr + off)
					if err != nil {
						continue
					}
					for _, frame := range loc.Frames {
						if frame.Name == "" {
							continue // between functions
						}
						if want, _, _ := strings.Cut(frame.Name, "_"); frame.Returns != want {
							t.Errorf("%s returns %q", frame.Name, frame.Returns)
						}
						seen[frame.Name] = true
					}
				}
			}
			if want := strings.Count(returnsSource, "\n") - 7; len(seen) != want {
				t.Errorf("%d functions, want %d: %v", len(seen), want, seen)
			}
		})
	}
}
