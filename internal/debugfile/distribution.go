// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strings"
)

// distribution says how to get the debugging information of a distribution's kernels.
type distribution struct {
	id      string // in os-release
	release string // pattern of its kernels' releases: others are not from the distribution
	remedy  string // REL stands for the release, other words for the pattern's groups of this name
}

// distributions names packages. The sources:
//
//	debian  https://packages.debian.org/linux-image-amd64-dbg
//	ubuntu  linux-image-unsigned-6.8.0-49-generic-dbgsym has vmlinux and modules; those of flavours that are not signed
//	        lack "unsigned" (linux-image-5.4.0-1056-raspi-dbgsym); https://wiki.ubuntu.com/Debug%20Symbol%20Packages
//	fedora  drgn's docs/getting_debugging_symbols.rst; SystemTap Beginners Guide of RHEL, 2.1.2: kernel-debuginfo, and
//	        kernel-VARIANT-debuginfo
//	suse    https://software.opensuse.org/package/kdump: kernel-default-debuginfo for kernel-default, and so on
//	arch    drgn's docs again; that the server has no linux package either was so in March 2026, says
//	        https://github.com/Abyss-W4tcher/volatility3-symbols/issues/40
var distributions = []distribution{
	{"debian", `-(?:amd64|686|686-pae|arm64|arm64-16k|armmp|armmp-lpae|marvell|rpi|octeon|4kc-malta|5kc-malta|loongson-3|mips64r2el|mips32r2el|powerpc64le|powerpc64le-64k|riscv64|s390x|loong64)$`,
		"install linux-image-REL-dbg"},
	{"ubuntu", `^\d+\.\d+\.\d+-\d+-[a-z][a-z0-9-]*$`,
		"install linux-image-unsigned-REL-dbgsym, or linux-image-REL-dbgsym, from ddebs.ubuntu.com"},
	{"fedora", `^[^+]*\.(?:fc|el)\d[^+]*$`,
		"install kernel-debuginfo-REL (dnf debuginfo-install kernel-REL)"},
	{"fedora", `^(?P<VERSION>[^+]*\.(?:fc|el)\d[^+]*)\+(?P<VARIANT>[a-z0-9-]+)$`,
		"install kernel-VARIANT-debuginfo-VERSION"},
	{"suse", `-(?P<FLAVOUR>default|azure|rt|rt_debug|debug|kvmsmall|vanilla|preempt|longterm|64kb|lpae|pae|zfcpdump)$`,
		"install kernel-FLAVOUR-debuginfo from the debug repository"},
	{"arch", `-(?:arch\d+-\d+|lts|zen|hardened|rt)$`,
		"there is no package; DEBUGINFOD_URLS=https://debuginfod.archlinux.org may help"},
}

// remedy says how to get the debugging information of the kernel. It returns "" if that
// is unknown.
func (f *Finder) remedy() string {
	release := f.Kernel()
	for _, id := range f.osIDs() {
		for _, d := range distributions {
			if d.id != id {
				continue
			}
			re := regexp.MustCompile(d.release)
			match := re.FindStringSubmatch(release)
			if match == nil {
				continue
			}
			remedy := "for the kernel and its own modules: " + strings.ReplaceAll(d.remedy, "REL", release)
			for i, name := range re.SubexpNames() {
				if name != "" {
					remedy = strings.ReplaceAll(remedy, name, match[i])
				}
			}
			return remedy
		}
	}
	return ""
}

// osIDs returns the ID of this distribution and the IDs of those that it is like, the
// nearest first. It returns none if they are unknown. See os-release(5).
func (f *Finder) osIDs() []string {
	for _, path := range [...]string{"/etc/os-release", "/usr/lib/os-release"} {
		file, err := os.Open(f.at(path))
		if err != nil {
			continue
		}
		b, err := io.ReadAll(io.LimitReader(file, 1<<16))
		_ = file.Close()
		if err == nil {
			return parseOSRelease(b)
		}
	}
	return nil
}

// parseOSRelease returns the words of ID and ID_LIKE: lower-case letters, digits, '.',
// '_' and '-'.
func parseOSRelease(b []byte) []string {
	values := make(map[string]string)
	for line := range bytes.Lines(b) {
		key, value, ok := strings.Cut(strings.TrimSpace(string(line)), "=")
		if ok && (key == "ID" || key == "ID_LIKE") {
			// No allowed value needs the shell's quoting, except for blanks.
			values[key] = strings.Trim(value, `"'`)
		}
	}
	return append(strings.Fields(values["ID"]), strings.Fields(values["ID_LIKE"])...)
}
