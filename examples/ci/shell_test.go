// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package ci

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/need"
)

// The hooks give kmemleak what they have noted, and never take for a pass what is none.
func TestShellHooks(t *testing.T) {
	need.Tools(t, "dash", "sh")
	dir := t.TempDir()
	// A kmemleak that counts its marks, and answers as it is told.
	fake := `#!/bin/sh
case $1 in
mark) [ "$ANSWER" != 2 ] || exit 2; echo x >>marks; echo "kmemleak1:boot:$(grep -c x marks):" ;;
find) shift; echo "find $*"; exit $ANSWER ;;
esac
`
	hooks, err := os.ReadFile(filepath.Join("shell", "kmemleak.sh"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"kmemleak": fake, "kmemleak.sh": string(hooks), "with blanks": "#!/bin/sh\nexit 5\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ name, answer, script, want string }{
		{"no leaks", "0", "kmemleak_before; kmemleak_after", "find -since kmemleak1:boot:1:\nstatus 0\n"},
		{"leaks", "1", "KMEMLEAK_FLAGS='-module a -suppress b'; kmemleak_before; kmemleak_after",
			"find -since kmemleak1:boot:1: -module a -suppress b\nstatus 1\n"},
		{"could not look", "2", "kmemleak_before; kmemleak_after", "status 2\n"},
		{"killed", "137", "kmemleak_before; kmemleak_after", "find -since kmemleak1:boot:1:\nstatus 2\n"},
		{"no program", "0", "kmemleak_before; PATH=/nowhere; kmemleak_after", "status 2\n"},
		{"not begun", "0", "kmemleak_after", "status 2\n"},
		{"windows", "1", `kmemleak_test windows "./with blanks"; echo $?; kmemleak_test windows true; cat windows; kmemleak_suite windows`,
			"5\n./with blanks kmemleak1:boot:1: kmemleak1:boot:2:\ntrue kmemleak1:boot:3: kmemleak1:boot:4:\n" +
				"find -since kmemleak1:boot:1: -windows windows\nstatus 1\n"},
		{"no test", "0", "kmemleak_suite none", "status 2\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command("sh", "-c", ". ./kmemleak.sh\n"+tt.script+"\necho status $?")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"), "ANSWER="+tt.answer)
			os.Remove(filepath.Join(dir, "marks"))
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(out)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
