// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/kmemleak/kmemleak"
)

// usage is what one run of a program used.
type usage struct {
	Wall, CPU time.Duration
	Peak      int64 // resident bytes, shared pages included
	Output    []byte
}

// TestMain runs the program that KMEMLEAK_MEASURE names, if it is set, in place of the
// tests, and prints its usage. The kernel counts the peak of the process that starts a
// program as the program's, so that process must be small.
func TestMain(m *testing.M) {
	if os.Getenv("KMEMLEAK_MEASURE") == "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
	start := time.Now()
	out, err := cmd.Output()
	u := usage{Wall: time.Since(start), Output: out}
	if err == nil {
		u.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		u.Peak = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
		err = json.NewEncoder(os.Stdout).Encode(u)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(stdin []byte, args ...string) (usage, error) {
	var u usage
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), "KMEMLEAK_MEASURE=1")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return u, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return u, json.Unmarshal(out, &u)
}

// contender is a program that symbolizes.
type contender struct {
	name    string
	args    []string
	object  []string // comes before the name of the object file
	frames  bool     // reads frames, not addresses
	section bool     // needs the section of a module
	linked  bool     // applies no relocations, which modules need
}

// takesPart reports whether c can do w.
func (c contender) takesPart(w work) bool { return !c.linked || !w.module() }

// work is one task on which all contenders are measured.
type work struct {
	name string
	path string
	all  []site
	peak int64 // our upper limit, in bytes
}

func (w work) module() bool { return strings.HasSuffix(w.path, ".ko") }

// TestSpeed measures whole processes, with the files in the page cache. The quickest of
// several runs counts. A result is the same as ours if the innermost file's name and
// the line are.
func TestSpeed(t *testing.T) {
	dir := objects(t)
	resolve := filepath.Join(t.TempDir(), "resolve")
	build := exec.Command("go", "build", "-o", resolve, "./resolve")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as what is released
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	gimli, err := exec.Command("gimli/build.sh", t.TempDir()).Output()
	if err != nil {
		t.Fatalf("the peer in gimli: %v (needs cargo, librust-addr2line+std-object-dev and librust-memmap2-dev)", err)
	}
	contenders := []contender{
		{name: "kmemleak", args: []string{resolve}, frames: true},
		{name: "eu-addr2line", args: []string{"eu-addr2line", "-i", "-a", "-f"}, object: []string{"-e"}, section: true},
		{name: "llvm-symbolizer", args: []string{"llvm-symbolizer"}, object: []string{"-e"}},
		{name: "addr2line", args: []string{"addr2line", "-i", "-a", "-f"}, object: []string{"-e"}, section: true},
		{name: "gimli", args: []string{strings.TrimSpace(string(gimli))}, linked: true},
	}
	all := works(t, dir)
	if newest := os.Getenv("KMEMLEAK_NEWEST"); newest != "" {
		all = append(all, works(t, newest)...)
	}
	for _, w := range all {
		var b strings.Builder
		table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(table, "\ttime\ttimes ours\tCPU\tpeak\ttimes ours\tsame answers\t")
		best, err := quickest(contenders, w)
		if err != nil {
			t.Fatal(err)
		}
		mine := best[0] // kmemleak's
		var answers []chain
		for i, c := range contenders {
			if !c.takesPart(w) {
				continue
			}
			u := best[i]
			got, err := parse(u.Output)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if i == 0 {
				answers = got
			}
			same := 0
			for j, a := range answers {
				if j < len(got) && len(a) > 0 && len(got[j]) > 0 && a[0].line == got[j][0].line &&
					filepath.Base(a[0].file) == filepath.Base(got[j][0].file) {
					same++
				}
			}
			fmt.Fprintf(table, "%s\t%.1f ms\t%.1f\t%.0f ms\t%d MB\t%.1f\t%.1f %%\t\n", c.name,
				u.Wall.Seconds()*1e3, u.Wall.Seconds()/mine.Wall.Seconds(), u.CPU.Seconds()*1e3,
				u.Peak>>20, float64(u.Peak)/float64(mine.Peak), 100*float64(same)/float64(len(answers)))
		}
		table.Flush()
		t.Logf("%s\n%s", w.name, b.String())
		if len(answers) != len(w.all) {
			t.Errorf("%s: %d answers to %d questions", w.name, len(answers), len(w.all))
		}
		if mine.Peak > w.peak {
			t.Errorf("%s: %d MB at the peak, to be at most %d MB", w.name, mine.Peak>>20, w.peak>>20)
		}
	}
}

// works returns the measurements to make.
func works(t *testing.T, dir string) []work {
	draw := func(path string, n int, function string) (many, one []site) {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := io.Copy(io.Discard, file); err != nil { // into the page cache
			t.Fatal(err)
		}
		all, err := sites(path, math.MaxInt)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(all, func(x site) bool { return x.frame.Func == function })
		if i < 0 || len(all) < n {
			t.Fatalf("%s: %d calls, and %d is in %s", path, len(all), i, function)
		}
		one = []site{all[i]}
		rnd := rand.New(rand.NewPCG(*seed, 1))
		rnd.Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] })
		return all[:n], one
	}
	image := filepath.Join(dir, "vmlinux")
	many, one := draw(image, 5000, "vfs_read")
	all := []work{
		{fmt.Sprint("one frame of vmlinux: ", one[0].frame), image, one, 20 << 20},
		{"5,000 frames of vmlinux", image, many, 100 << 20},
	}
	// Kernels for clouds have no such drivers.
	gpu := filepath.Join(dir, "kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko")
	if _, err := os.Stat(gpu); err == nil {
		_, ofGPU := draw(gpu, 1, "amdgpu_device_init")
		all = append(all, work{fmt.Sprint("one frame of amdgpu.ko: ", ofGPU[0].frame), gpu, ofGPU, 30 << 20})
	}
	for i := range all {
		all[i].name = filepath.Base(dir) + ", " + all[i].name
	}
	return all
}

// quickest returns the shortest of up to 10 runs of each contender. They take turns, so
// that other work on the machine disturbs all alike. A contender that has used 20
// seconds gets no further turn.
func quickest(contenders []contender, w work) ([]usage, error) {
	best, spent := make([]usage, len(contenders)), make([]time.Duration, len(contenders))
	for turn := range 10 {
		for i, c := range contenders {
			if spent[i] > 20*time.Second || !c.takesPart(w) {
				continue
			}
			u, err := c.run(w)
			if err != nil {
				return nil, err
			}
			spent[i] += u.Wall
			if turn == 0 || u.Wall < best[i].Wall {
				best[i] = u
			}
		}
	}
	return best, nil
}

func (c contender) run(w work) (usage, error) {
	var stdin bytes.Buffer
	for _, x := range w.all {
		if c.frames {
			fmt.Fprintln(&stdin, x.frame)
		} else {
			fmt.Fprintf(&stdin, "%#x\n", x.addr-1)
		}
	}
	args := slices.Clone(c.args)
	if c.section && w.module() {
		args = append(args, "-j", w.all[0].section)
	}
	return measure(stdin.Bytes(), append(append(args, c.object...), w.path)...)
}

// BenchmarkAgain symbolizes the same frame a second time.
func BenchmarkAgain(b *testing.B) {
	dir := objects(b)
	all, err := sites(filepath.Join(dir, "vmlinux"), 1)
	if err != nil {
		b.Fatal(err)
	}
	s := &kmemleak.Symbolizer{Dirs: []string{dir}}
	defer s.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Resolve(all[0].frame); err != nil {
			b.Fatal(err)
		}
	}
}
