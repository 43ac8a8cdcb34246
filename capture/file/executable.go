package file

import (
	"fmt"
	"strconv"
	"strings"
)

// executable reads DOS, Windows and OS/2 programs, which begin with MZ.
func executable(b []byte) (Type, bool) {
	if !prefix(b, "MZ") && !prefix(b, "ZM") {
		return Type{}, false
	}
	w := window(b)
	const mime = "application/x-dosexec"
	at := int(w.le32(0x3c))
	if w.le16(0x18) < 0x40 && !w.has(at, "PE\x00\x00") || at <= 0 || at > len(b)-4 {
		if at > 0 && at < 1<<24 && at > len(b)-4 && w.le16(0x18) >= 0x40 {
			return Type{mime, "MS-DOS executable, MZ for MS-DOS"}, true // its second header is not in view
		}
		return Type{mime, "MS-DOS executable"}, true
	}
	switch {
	case w.has(at, "PE\x00\x00"):
		return portable(w, at), true
	case w.has(at, "NE"):
		kind := "executable"
		if w.le16(at+0x0c)&0x8000 != 0 {
			kind = "DLL"
		}
		return Type{mime, "MS-DOS executable, NE for MS Windows 3.x (" + kind + ")"}, true
	case w.has(at, "LE"):
		return Type{mime, "MS-DOS executable, LE executable"}, true
	case w.has(at, "LX"):
		return Type{mime, "MS-DOS executable, LX for OS/2"}, true
	}
	return Type{mime, "MS-DOS executable"}, true
}

// portable describes a PE file, its header at an offset (Microsoft PE Format).
func portable(w window, at int) Type {
	var s strings.Builder
	optional := at + 24
	characteristics := w.le16(at + 22)
	wide := false
	switch w.le16(optional) {
	case 0x20b:
		wide = true
		s.WriteString("PE32+ executable")
	case 0x107:
		s.WriteString("PE ROM image")
	default:
		s.WriteString("PE32 executable")
	}
	if characteristics&0x2000 != 0 {
		s.WriteString(" (DLL)")
	}
	switch w.le16(optional + 68) {
	case 1:
		s.WriteString(" (native)")
	case 2:
		s.WriteString(" (GUI)")
	case 3:
		s.WriteString(" (console)")
	case 7:
		s.WriteString(" (POSIX)")
	case 9:
		s.WriteString(" (Windows CE)")
	case 10:
		s.WriteString(" (EFI application)")
	case 11:
		s.WriteString(" (EFI boot service driver)")
	case 12:
		s.WriteString(" (EFI runtime driver)")
	case 14:
		s.WriteString(" (XBOX)")
	}
	s.WriteString(" " + peMachine(w.le16(at+4)))
	if characteristics&0x0200 != 0 {
		s.WriteString(" (stripped to external PDB)")
	}
	directories := optional + 96
	if wide {
		directories = optional + 112
	}
	if w.le32(directories+14*8) != 0 && w.le32(directories-4) > 14 {
		s.WriteString(" Mono/.Net assembly")
	}
	s.WriteString(", for MS Windows")
	sections := w.le16(at + 6)
	table := optional + w.le16(at+20)
	for i := range min(sections, 96) {
		switch {
		case w.has(table+40*i, "UPX0"):
			s.WriteString(", UPX compressed")
		case w.has(table+40*i, ".petite"):
			s.WriteString(", Petite compressed")
		case w.has(table+40*i, ".aspack"):
			s.WriteString(", ASPack compressed")
		}
	}
	fmt.Fprintf(&s, ", %d sections", sections)
	return Type{"application/vnd.microsoft.portable-executable", s.String()}
}

func peMachine(n int) string {
	switch n {
	case 0x14c:
		return "Intel 80386"
	case 0x8664:
		return "x86-64"
	case 0x200:
		return "Intel Itanium"
	case 0x1c0:
		return "ARM"
	case 0x1c4:
		return "ARMv7 Thumb"
	case 0xaa64:
		return "Aarch64"
	case 0x166, 0x162, 0x169:
		return "MIPS R4000"
	case 0x1f0:
		return "PowerPC"
	case 0xebc:
		return "EFI byte code"
	case 0x5032, 0x5064:
		return "RISC-V"
	case 0x6232, 0x6264:
		return "LoongArch"
	}
	return "unknown processor"
}

// elf reads ELF headers (System V ABI, chapter 4).
func elf(b []byte) (Type, bool) {
	if !prefix(b, "\x7fELF") {
		return Type{}, false
	}
	w := window(b)
	big := w.u8(5) == 2
	u16 := func(at int) int {
		if big {
			return w.be16(at)
		}
		return w.le16(at)
	}
	word, order := "invalid class", "invalid byte order"
	switch w.u8(4) {
	case 1:
		word = "32-bit"
	case 2:
		word = "64-bit"
	}
	switch w.u8(5) {
	case 1:
		order = "LSB"
	case 2:
		order = "MSB"
	}
	mime, kind := "application/x-object", "*unknown type*"
	switch u16(16) {
	case 1:
		kind = "relocatable"
	case 2:
		mime, kind = "application/x-executable", "executable"
	case 3:
		mime, kind = "application/x-sharedlib", "shared object"
		if hasInterpreter(w, big) {
			mime, kind = "application/x-pie-executable", "pie executable"
		}
	case 4:
		mime, kind = "application/x-coredump", "core file"
	}
	text := "ELF " + word + " " + order + " " + kind + ", " + elfMachine(u16(18)) + ", version 1 (" + elfSystem(w.u8(7)) + ")"
	if kind == "executable" || kind == "pie executable" {
		if hasInterpreter(w, big) {
			text += ", dynamically linked"
		} else {
			text += ", statically linked"
		}
	}
	return Type{mime, text}, true
}

// hasInterpreter looks for a PT_INTERP program header.
func hasInterpreter(w window, big bool) bool {
	u16, u32 := w.le16, w.le32
	if big {
		u16, u32 = w.be16, w.be32
	}
	at, size, count := int(u32(28)), u16(42), u16(44)
	if w.u8(4) == 2 {
		at, size, count = int(u32(32)), u16(54), u16(56)
		if big {
			at = int(u32(36))
		}
	}
	for i := range min(count, 64) {
		if u32(at+i*size) == 3 {
			return true
		}
	}
	return false
}

func elfSystem(n int) string {
	switch n {
	case 0:
		return "SYSV"
	case 2:
		return "NetBSD"
	case 3:
		return "GNU/Linux"
	case 6:
		return "Solaris"
	case 9:
		return "FreeBSD"
	case 12:
		return "OpenBSD"
	case 97:
		return "ARM"
	}
	return strconv.Itoa(n)
}

func elfMachine(n int) string {
	switch n {
	case 2:
		return "SPARC"
	case 3:
		return "Intel 80386"
	case 4:
		return "Motorola m68k"
	case 8, 10:
		return "MIPS"
	case 20:
		return "PowerPC or cisco 4500"
	case 21:
		return "64-bit PowerPC or cisco 7500"
	case 22:
		return "IBM S/390"
	case 40:
		return "ARM"
	case 42:
		return "Renesas SH"
	case 43:
		return "SPARC V9"
	case 50:
		return "IA-64"
	case 62:
		return "x86-64"
	case 93:
		return "ARC"
	case 183:
		return "ARM aarch64"
	case 243:
		return "UCB RISC-V"
	case 247:
		return "eBPF"
	case 258:
		return "LoongArch"
	}
	return fmt.Sprintf("*unknown arch 0x%x*", n)
}

// macho reads Mach-O headers and universal binaries.
func macho(b []byte) (Type, bool) {
	w := window(b)
	const mime = "application/x-mach-binary"
	var u32 func(int) uint32
	word := ""
	switch w.be32(0) {
	case 0xfeedface, 0xfeedfacf:
		u32 = w.be32
	case 0xcefaedfe, 0xcffaedfe:
		u32 = w.le32
	case 0xcafebabe:
		if n := w.be32(4); n > 0 && n < 20 { // a Java class has its version here
			return Type{mime, fmt.Sprintf("Mach-O universal binary with %d architectures", n)}, true
		}
		return Type{}, false
	default:
		return Type{}, false
	}
	if len(b) < 16 {
		return Type{}, false
	}
	if u32(0)&1 == 1 {
		word = "64-bit "
	}
	cpu := map[uint32]string{7: "i386", 0x01000007: "x86_64", 12: "arm", 0x0100000c: "arm64", 18: "ppc", 0x01000012: "ppc64"}[u32(4)]
	if cpu == "" {
		cpu = "unknown architecture"
	}
	kind := map[uint32]string{
		1: "object", 2: "executable", 4: "core", 5: "preload executable", 6: "dynamically linked shared library",
		7: "dynamic linker", 8: "bundle", 9: "dynamically linked shared library stub", 10: "dSYM companion file", 11: "kext bundle",
	}[u32(12)]
	return Type{mime, strings.TrimSpace("Mach-O " + word + cpu + " " + kind)}, true
}

// javaClass reads the version of a class file (JVM specification 4.1).
func javaClass(b []byte) (Type, bool) {
	w := window(b)
	major := w.be16(6)
	if w.be32(0) != 0xcafebabe || len(b) < 8 || major < 45 {
		return Type{}, false
	}
	release := fmt.Sprintf("Java SE %d", major-44)
	if major <= 52 {
		release = fmt.Sprintf("Java 1.%d", major-44)
	}
	return Type{"application/x-java-applet", fmt.Sprintf("compiled Java class data, version %d.%d (%s)", major, w.be16(4), release)}, true
}
