// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakstatus

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/machine"
)

// Every problem has a way out, which names the option or the parameter.
func TestAdvice(t *testing.T) {
	built := map[string]string{"CONFIG_DEBUG_KMEMLEAK": "y", "CONFIG_DEBUG_INFO": "y", "CONFIG_INIT_ON_ALLOC_DEFAULT_ON": "y", "CONFIG_DEBUG_KMEMLEAK_MEM_POOL_SIZE": "400"}
	defaultOff := map[string]string{"CONFIG_DEBUG_KMEMLEAK": "y", "CONFIG_DEBUG_KMEMLEAK_DEFAULT_OFF": "y"}
	for _, tt := range []struct {
		name string
		s    Status
		want string // the first line
		also string
	}{
		{"not built", Status{Problem: kmemleak.ErrUnavailable, Config: map[string]string{}, ConfigFile: "/proc/config.gz"},
			"the kernel has no kmemleak: /proc/config.gz lacks CONFIG_DEBUG_KMEMLEAK=y. Boot a kernel with it:", "kernel-debug"},
		{"perhaps not built", Status{Problem: kmemleak.ErrUnavailable}, "if debugfs is mounted (mount -t debugfs none /sys/kernel/debug), the kernel was built without CONFIG_DEBUG_KMEMLEAK. Boot a kernel with it:", "scripts/config -e DEBUG_KMEMLEAK"},
		{"not mounted", Status{Problem: kmemleak.ErrUnavailable, Config: built}, "mount -t debugfs none /sys/kernel/debug", ""},
		{"no debugfs", Status{Problem: kmemleak.ErrUnavailable, Config: built, CommandLine: []string{"debugfs=off"}}, "take debugfs=off off the kernel's command line, and boot", ""},
		{"off", Status{Problem: kmemleak.ErrDisabled, Config: built, CommandLine: []string{"kmemleak=on", "kmemleak=off"}},
			"take kmemleak=off off the kernel's command line, or add kmemleak=on behind it, and boot:", "grubby --update-kernel=ALL --args=kmemleak=on"},
		{"off by default", Status{Problem: kmemleak.ErrDisabled, Config: defaultOff, ConfigFile: "/boot/config"},
			"boot with kmemleak=on, since /boot/config has CONFIG_DEBUG_KMEMLEAK_DEFAULT_OFF=y:", "update-grub"},
		{"off by itself", Status{Problem: kmemleak.ErrDisabled, Config: built},
			"kmemleak was switched off after boot: by the command off, or by itself when it ran out of memory. Boot again", "CONFIG_DEBUG_KMEMLEAK_MEM_POOL_SIZE above 400"},
		{"off though on at boot", Status{Problem: kmemleak.ErrDisabled, Config: defaultOff, CommandLine: []string{"kmemleak=on"}},
			"kmemleak was switched off after boot: by the command off, or by itself when it ran out of memory. Boot again", ""},
		{"no /proc", Status{Problem: fmt.Errorf("%w (%w)", kmemleak.ErrUnavailable, machine.ErrNoProc)}, "mount -t proc proc /proc", ""},
		{"no /sys", Status{Problem: fmt.Errorf("%w (%w)", kmemleak.ErrUnavailable, machine.ErrNoSysfs), Config: built}, "mount -t sysfs sysfs /sys", "mount -t debugfs none"},
		{"no root", Status{Problem: fs.ErrPermission}, "run this as root; if that is so, see the cause above", ""},
		{"on", Status{Config: built}, "kmemleak find looks for leaks; kmemleak find -- command, for those of a command", ""},
		{"on, with values that hide", Status{Config: defaultOff}, "boot with init_on_alloc=1: old values in memory hide leaks otherwise", "CONFIG_DEBUG_INFO"},
		{"on, with sheaves", Status{Config: built, Settings: []Setting{{Name: sheaves, Value: "60"}}}, "boot with slab_debug=P: SLUB's lists of free objects hide leaks otherwise", "find"},
		{"on, without", Status{Config: built, Settings: []Setting{{Name: sheaves, Value: "0"}}}, "kmemleak find looks for leaks; kmemleak find -- command, for those of a command", ""},
		{"others", Status{Writers: []string{"cron"}, Reported: 1}, "find out why cron drives kmemleak: a search fails when others do", "kmemleak report"},
	} {
		advice := tt.s.Advice()
		if len(advice) == 0 || advice[0] != tt.want || !strings.Contains(strings.Join(advice, "\n"), tt.also) {
			t.Errorf("%s: %q, want %q and %q", tt.name, advice, tt.want, tt.also)
		}
	}
}
