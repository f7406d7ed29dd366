// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"bytes"
	"io"
	"os"
	"strings"
)

// distributions have, by the ID in os-release, how to get the debugging information of a
// kernel with this release, or "" if the kernel is not from the distribution. The sources:
//
//	debian  https://packages.debian.org/linux-image-amd64-dbg
//	ubuntu  linux-image-unsigned-6.8.0-49-generic-dbgsym has vmlinux and modules; those of flavours that are not signed
//	        lack "unsigned" (linux-image-5.4.0-1056-raspi-dbgsym); https://wiki.ubuntu.com/Debug%20Symbol%20Packages
//	fedora  drgn's docs/getting_debugging_symbols.rst; SystemTap Beginners Guide of RHEL, 2.1.2: kernel-debuginfo, and
//	        kernel-VARIANT-debuginfo
//	suse    https://software.opensuse.org/package/kdump: kernel-default-debuginfo for kernel-default, and so on
//	arch    drgn's docs again; that the server has no linux package either was so in March 2026, says
//	        https://github.com/Abyss-W4tcher/volatility3-symbols/issues/40
var distributions = map[string]func(release string) string{"debian": debian, "ubuntu": ubuntu, "fedora": fedora, "suse": suse, "arch": arch}

// These are without package regexp, which would be 200 kB of a program.

func debian(release string) string {
	if ending(release, "amd64", "686", "686-pae", "arm64", "arm64-16k", "armmp", "armmp-lpae", "marvell", "rpi", "octeon", "4kc-malta", "5kc-malta",
		"loongson-3", "mips64r2el", "mips32r2el", "powerpc64le", "powerpc64le-64k", "riscv64", "s390x", "loong64") == "" {
		return ""
	}
	return "install linux-image-" + release + "-dbg"
}

// ubuntu is for releases such as 6.8.0-49-generic.
func ubuntu(release string) string {
	parts := strings.SplitN(release, "-", 3)
	if len(parts) < 3 || !number(parts[1]) || strings.Trim(parts[2], flavourBytes) != "" || strings.IndexAny(parts[2], "abcdefghijklmnopqrstuvwxyz") != 0 {
		return ""
	}
	version := strings.Split(parts[0], ".")
	if len(version) != 3 || !number(version[0]) || !number(version[1]) || !number(version[2]) {
		return ""
	}
	return "install linux-image-unsigned-" + release + "-dbgsym, or linux-image-" + release + "-dbgsym, from ddebs.ubuntu.com"
}

// flavourBytes may be in the names of flavours.
const flavourBytes = "abcdefghijklmnopqrstuvwxyz0123456789-"

// fedora is for releases such as 6.11.4-301.fc41.x86_64 and 5.14.0-503.el9.x86_64, and with
// +debug behind them.
func fedora(release string) string {
	version, variant, ok := strings.Cut(release, "+")
	its := false
	for _, mark := range []string{".fc", ".el"} {
		for rest := version; !its && strings.Contains(rest, mark); {
			_, rest, _ = strings.Cut(rest, mark)
			its = rest != "" && number(rest[:1])
		}
	}
	switch {
	case !its || ok && (variant == "" || strings.Trim(variant, flavourBytes) != ""):
		return ""
	case ok:
		return "install kernel-" + variant + "-debuginfo-" + version
	}
	return "install kernel-debuginfo-" + release + " (dnf debuginfo-install kernel-" + release + ")"
}

func suse(release string) string {
	flavour := ending(release, "default", "azure", "rt", "rt_debug", "debug", "kvmsmall", "vanilla", "preempt", "longterm", "64kb", "lpae", "pae", "zfcpdump")
	if flavour == "" {
		return ""
	}
	return "install kernel-" + flavour + "-debuginfo from the debug repository"
}

// arch is for releases such as 6.11.5-arch1-1 and 6.6.1-1-lts.
func arch(release string) string {
	parts := strings.Split(release, "-")
	last := len(parts) - 1
	its := last > 1 && number(parts[last]) && strings.HasPrefix(parts[last-1], "arch") && number(parts[last-1][len("arch"):])
	if !its && ending(release, "lts", "zen", "hardened", "rt") == "" {
		return ""
	}
	return "there is no package; DEBUGINFOD_URLS=https://debuginfod.archlinux.org may help"
}

// ending returns the flavour that a release ends with behind a minus, "" if it is none of these.
func ending(release string, flavours ...string) string {
	for _, f := range flavours {
		if strings.HasSuffix(release, "-"+f) {
			return f
		}
	}
	return ""
}

// number reports whether a text is of decimal digits, and not empty.
func number(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// remedy says how to get the debugging information of the kernel. It returns "" if that
// is unknown.
func (f *Finder) remedy() string {
	for _, id := range f.osIDs() {
		if of := distributions[id]; of != nil {
			if remedy := of(f.Kernel()); remedy != "" {
				return "for the kernel and its own modules: " + remedy
			}
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
