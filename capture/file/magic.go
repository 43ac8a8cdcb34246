package file

import (
	"bytes"
)

// Type is what a file's bytes say it is.
type Type struct {
	MIME string // "application/pdf"
	// Description is worded as the file(1) program words it, so that rules written for it match: "PE32 executable
	// (GUI) Intel 80386, for MS Windows, 5 sections".
	Description string
}

// identifyBytesMax is how much of a file is looked at to tell its type.
const identifyBytesMax = 64 << 10

// Type identifies the file by its first bytes. It is worked out when asked for, and again while more bytes come.
func (f *File) Type() Type {
	if n := min(len(f.Data), identifyBytesMax); f.kind.Description == "" || n != f.kindOf {
		f.kind, f.kindOf = Identify(f.Data), n
	}
	return f.kind
}

// Identify tells the type of the file that begins with b. It answers "data" when it does not know.
func Identify(b []byte) Type {
	b = b[:min(len(b), identifyBytesMax)]
	switch len(b) {
	case 0:
		return Type{"application/x-empty", "empty"}
	case 1:
		return Type{"application/octet-stream", "very short file (no magic)"}
	}
	for _, look := range identifiers {
		if t, ok := look(b); ok {
			return t
		}
	}
	for i := range marks {
		m := &marks[i]
		if m.at+len(m.magic) <= len(b) && string(b[m.at:m.at+len(m.magic)]) == m.magic {
			return Type{m.mime, m.description}
		}
	}
	if t, ok := text(b); ok {
		return t
	}
	return Type{"application/octet-stream", "data"}
}

// identifiers read formats whose description holds more than a name. Each looks at its own magic first. Never written.
var identifiers = []func(b []byte) (Type, bool){
	executable, elf, macho, javaClass, zipFamily, compound, compressed, archive, image, media, document, capture, keys,
}

// mark is a format told by bytes at a fixed place.
type mark struct {
	at                int
	magic             string
	mime, description string
}

// marks are looked through in order. Never written.
var marks = []mark{
	{0, "\x1f\x9d", "application/x-compress", "compress'd data"},
	{0, "LZIP", "application/x-lzip", "lzip compressed data"},
	{0, "\x89LZO\x00\r\n\x1a\n", "application/x-lzop", "lzop compressed data"},
	{0, "\xff\x06\x00\x00sNaPpY", "application/x-snappy-framed", "snappy framed data"},
	{257, "ustar\x00", "application/x-tar", "POSIX tar archive"},
	{257, "ustar  ", "application/x-tar", "POSIX tar archive (GNU)"},
	{0, "!<arch>\ndebian", "application/vnd.debian.binary-package", "Debian binary package (format 2.0)"},
	{0, "!<arch>\n", "application/x-archive", "current ar archive"},
	{0, "\xed\xab\xee\xdb", "application/x-rpm", "RPM v3.0 bin"},
	{0, "070701", "application/x-cpio", "ASCII cpio archive (SVR4 with no CRC)"},
	{0, "hsqs", "application/octet-stream", "Squashfs filesystem, little endian"},
	{0x8001, "CD001", "application/x-iso9660-image", "ISO 9660 CD-ROM filesystem data"},
	{0, "\x60\xea", "application/x-arj", "ARJ archive data"},
	{2, "-lh5-", "application/x-lzh-compressed", "LHa (2.x) archive data [lh5]"},
	{7, "**ACE**", "application/octet-stream", "ACE archive data"},
	{0, "Cr24", "application/x-chrome-extension", "Google Chrome extension, version 3"},
	{0, "dex\n035\x00", "application/octet-stream", "Dalvik dex file version 035"},
	{0, "dex\n037\x00", "application/octet-stream", "Dalvik dex file version 037"},
	{0, "dex\n038\x00", "application/octet-stream", "Dalvik dex file version 038"},
	{0, "dex\n039\x00", "application/octet-stream", "Dalvik dex file version 039"},
	{0, "\x00asm\x01\x00\x00\x00", "application/wasm", "WebAssembly (wasm) binary module version 0x1 (MVP)"},
	{0, "\x1bLua", "application/octet-stream", "Lua bytecode"},
	{0, "\xac\xed\x00\x05", "application/octet-stream", "Java serialization data, version 5"},
	{0, "\xca\xfe\xd0\x0d", "application/x-java-pack200", "JAR compressed with pack200"},
	{0, "BC\xc0\xde", "application/octet-stream", "LLVM IR bitcode"},
	{0, "8BPS", "image/vnd.adobe.photoshop", "Adobe Photoshop Image"},
	{0, "wOFF", "font/woff", "Web Open Font Format"},
	{0, "wOF2", "font/woff2", "Web Open Font Format (Version 2)"},
	{0, "\x00\x01\x00\x00\x00", "font/sfnt", "TrueType Font data"},
	{0, "OTTO", "application/vnd.ms-opentype", "OpenType font data"},
	{34, "LP", "application/vnd.ms-fontobject", "Embedded OpenType (EOT)"},
	{0, "\xd7\xcd\xc6\x9a", "image/wmf", "Windows metafile"},
	{0, "\x76\x2f\x31\x01", "image/x-exr", "OpenEXR image data"},
	{0, "ITSF\x03\x00\x00\x00", "application/vnd.ms-htmlhelp", "MS Windows HtmlHelp Data"},
	{0, "?_\x03\x00", "application/winhelp", "MS Windows 3.x help file"},
	{0, "regf", "application/x-ms-registry", "MS Windows registry file, NT/2000 or above"},
	{0, "ElfFile\x00", "application/octet-stream", "MS Windows Vista Event Log"},
	{0, "\x30\x00\x00\x00LfLe", "application/octet-stream", "MS Windows 2000/XP Event Log"},
	{0, "MDMP\x93\xa7", "application/x-dmp", "Mini DuMP crash report"},
	{0, "PAGEDU64", "application/octet-stream", "MS Windows 64bit crash dump"},
	{4, "Standard Jet DB", "application/x-msaccess", "Microsoft Access Database"},
	{4, "Standard ACE DB", "application/x-msaccess", "Microsoft Access Database"},
	{0, "!BDN", "application/vnd.ms-outlook", "Microsoft Outlook email folder (>=2003)"},
	{0, "\x78\x9f\x3e\x22", "application/vnd.ms-tnef", "Transport Neutral Encapsulation Format (TNEF)"},
	{0, "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "application/onenote", "Microsoft OneNote"},
	{0, "conectix", "application/octet-stream", "Microsoft Disk Image, Virtual Server or Virtual PC"},
	{0, "vhdxfile", "application/octet-stream", "Microsoft Disk Image eXtended"},
	{0, "QFI\xfb", "application/x-qemu-disk", "QEMU QCOW Image"},
	{0, "KDMV", "application/octet-stream", "VMware4 disk image"},
	{0, "bplist00", "application/x-bplist", "Apple binary property list"},
	{0, "d8:announce", "application/x-bittorrent", "BitTorrent file"},
	{0, "Obj\x01", "application/octet-stream", "Apache Avro version 1"},
	{0, "PAR1", "application/vnd.apache.parquet", "Apache Parquet"},
	{0, "AT&TFORM", "image/vnd.djvu", "DjVu image or single page document"},
	{0, "%!PS", "application/postscript", "PostScript document text"},
	{0, "\x04%!PS", "application/postscript", "PostScript document text"},
	{0, "MSWIM\x00\x00\x00", "application/x-ms-wim", "Windows imaging (WIM) image"},
	{0, "\xf7\x02", "application/x-dvi", "TeX DVI file"},
	{0, "\x78\x01", "application/zlib", "zlib compressed data"},
	{0, "\x78\x9c", "application/zlib", "zlib compressed data"},
	{0, "\x78\xda", "application/zlib", "zlib compressed data"},
	{0, "\xa1\xb2\xcd\x34", "application/octet-stream", "extended tcpdump capture file (big-endian)"},
}

// prefix tells whether b begins with s.
func prefix(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }

// foldPrefix compares without case; s is lower case.
func foldPrefix(b []byte, s string) bool {
	return len(b) >= len(s) && bytes.EqualFold(b[:len(s)], []byte(s))
}

// window gives numbers at offsets; what lies behind the end is zero.
type window []byte

func (w window) u8(at int) int {
	if at < 0 || at >= len(w) {
		return 0
	}
	return int(w[at])
}

func (w window) le16(at int) int { return w.u8(at) | w.u8(at+1)<<8 }
func (w window) be16(at int) int { return w.u8(at)<<8 | w.u8(at+1) }
func (w window) le32(at int) uint32 {
	return uint32(w.le16(at)) | uint32(w.le16(at+2))<<16
}

func (w window) be32(at int) uint32 {
	return uint32(w.be16(at))<<16 | uint32(w.be16(at+2))
}

// has tells whether s stands at an offset.
func (w window) has(at int, s string) bool {
	return at >= 0 && at+len(s) <= len(w) && string(w[at:at+len(s)]) == s
}
