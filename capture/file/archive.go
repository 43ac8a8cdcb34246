package file

import (
	"bytes"
	"fmt"
	"strings"
)

// compressed reads single-stream compression formats.
func compressed(b []byte) (Type, bool) {
	w := window(b)
	switch {
	case prefix(b, "\x1f\x8b"):
		return Type{"application/gzip", gzipText(w)}, true
	case prefix(b, "BZh") && w.u8(3) >= '1' && w.u8(3) <= '9':
		return Type{"application/x-bzip2", fmt.Sprintf("bzip2 compressed data, block size = %d00k", w.u8(3)-'0')}, true
	case prefix(b, "\xfd7zXZ\x00"):
		text := "XZ compressed data"
		switch w.u8(7) & 0xf {
		case 1:
			text += ", checksum CRC32"
		case 4:
			text += ", checksum CRC64"
		case 10:
			text += ", checksum SHA-256"
		case 0:
			text += ", checksum NONE"
		}
		return Type{"application/x-xz", text}, true
	case prefix(b, "\x28\xb5\x2f\xfd"):
		return Type{"application/zstd", "Zstandard compressed data (v0.8+), Dictionary ID: None"}, true
	case prefix(b, "\x04\x22\x4d\x18"):
		return Type{"application/x-lz4", "LZ4 compressed data (v1.4+)"}, true
	case prefix(b, "\x02\x21\x4c\x18"):
		return Type{"application/x-lz4", "LZ4 compressed data (v0.1-v0.9)"}, true
	case prefix(b, "\x5d\x00\x00") && len(b) > 13 && (w.u8(12) == 0xff || w.u8(12) == 0):
		return Type{"application/x-lzma", "LZMA compressed data"}, true
	}
	return Type{}, false
}

// gzipText describes a gzip member (RFC 1952 2.3).
func gzipText(w window) string {
	var s strings.Builder
	s.WriteString("gzip compressed data")
	flags, at := w.u8(3), 10
	if w.u8(2) != 8 {
		s.WriteString(", reserved method")
	}
	if flags&4 != 0 {
		at += 2 + w.le16(at)
	}
	if flags&8 != 0 && at < len(w) {
		if name, _, ok := bytes.Cut(w[at:], []byte{0}); ok && len(name) < 256 {
			s.WriteString(`, was "` + printable(name) + `"`)
		}
	}
	switch w.u8(8) {
	case 2:
		s.WriteString(", max compression")
	case 4:
		s.WriteString(", max speed")
	}
	switch w.u8(9) {
	case 0:
		s.WriteString(", from FAT filesystem (MS-DOS, OS/2, NT)")
	case 3:
		s.WriteString(", from Unix")
	case 10:
		s.WriteString(", from NTFS filesystem (NT)")
	case 11:
		s.WriteString(", from NTFS filesystem (NT)")
	}
	return s.String()
}

// printable makes bytes of a file fit for a description.
func printable(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return '.'
		}
		return r
	}, string(b))
}

// archive reads archive formats with a version or contents worth saying.
func archive(b []byte) (Type, bool) {
	w := window(b)
	switch {
	case prefix(b, "Rar!\x1a\x07\x00"):
		return Type{"application/x-rar", "RAR archive data, v4" + rarSystem(w)}, true
	case prefix(b, "Rar!\x1a\x07\x01\x00"):
		return Type{"application/x-rar", "RAR archive data, v5"}, true
	case prefix(b, "7z\xbc\xaf\x27\x1c"):
		return Type{"application/x-7z-compressed", fmt.Sprintf("7-zip archive data, version %d.%d", w.u8(6), w.u8(7))}, true
	case prefix(b, "MSCF\x00\x00\x00\x00"):
		return Type{"application/vnd.ms-cab-compressed", fmt.Sprintf("Microsoft Cabinet archive data, %d bytes, %d file%s", w.le32(8), w.le16(28), plural(w.le16(28)))}, true
	case prefix(b, "ISc("):
		return Type{"application/x-installshield", "InstallShield CAB"}, true
	case prefix(b, "L\x00\x00\x00\x01\x14\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"):
		return Type{"application/x-ms-shortcut", shortcut(w)}, true
	case prefix(b, "SQLite format 3\x00"):
		return Type{"application/vnd.sqlite3", "SQLite 3.x database"}, true
	}
	return Type{}, false
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

func rarSystem(w window) string {
	// The archive header is followed by the first file's, whose 15th byte after its size fields names the system.
	at := 7 + 13
	if w.u8(at+2) != 0x74 {
		return ""
	}
	switch w.u8(at + 15) {
	case 0:
		return ", os: MS-DOS"
	case 1:
		return ", os: OS/2"
	case 2:
		return ", os: Win32"
	case 3:
		return ", os: Unix"
	}
	return ""
}

// shortcut describes a Windows shortcut ([MS-SHLLINK] 2.1).
func shortcut(w window) string {
	s := "MS Windows shortcut"
	for i, word := range []string{
		"Item id list present", "Points to a file or directory", "Has Description string", "Has Relative path",
		"Has Working directory", "Has command line arguments", "Icon number=0",
	} {
		if w.le32(20)&(1<<i) != 0 {
			s += ", " + word
		}
	}
	return s
}

// zipFamily reads ZIP archives and tells the documents and programs that are such.
func zipFamily(b []byte) (Type, bool) {
	w := window(b)
	switch {
	case prefix(b, "PK\x05\x06"):
		return Type{"application/zip", "Zip archive data (empty)"}, true
	case prefix(b, "PK00PK\x03\x04"):
		return Type{"application/zip", "ZIP archive data, at least v2.0 to extract"}, true
	case !prefix(b, "PK\x03\x04"):
		return Type{}, false
	}
	names := zipNames(w)
	if t, ok := zipDocument(w, names); ok {
		return t, true
	}
	version, method := w.u8(4), map[int]string{0: "store", 6: "implode", 8: "deflate", 9: "deflate64", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz", 99: "AES encrypted"}[w.le16(8)]
	text := fmt.Sprintf("Zip archive data, at least v%d.%d to extract", version/10, version%10)
	if method != "" {
		text += ", compression method=" + method
	}
	return Type{"application/zip", text}, true
}

// zipNames reads the names of the members whose local headers are in view, at most 64.
func zipNames(w window) []string {
	var names []string
	for at := 0; len(names) < 64 && w.has(at, "PK\x03\x04"); {
		n, extra := w.le16(at+26), w.le16(at+28)
		if at+30+n > len(w) {
			break
		}
		names = append(names, string(w[at+30:at+30+n]))
		body := at + 30 + n + extra
		if w.le16(at+6)&8 == 0 {
			at = body + int(w.le32(at+18))
			continue
		}
		// The size stands behind the data: look for the next header.
		if body >= len(w) {
			break
		}
		i := bytes.Index(w[body:], []byte("PK\x03\x04"))
		if i < 0 {
			break
		}
		at = body + i
	}
	return names
}

func zipDocument(w window, names []string) (Type, bool) {
	const office = "application/vnd.openxmlformats-officedocument."
	if len(names) > 0 && names[0] == "mimetype" {
		n := int(w.le32(18))
		at := 30 + w.le16(26) + w.le16(28)
		if n > 0 && n < 100 && at+n <= len(w) {
			return openDocument(string(w[at : at+n]))
		}
	}
	macro := false
	for _, n := range names {
		if strings.HasSuffix(n, "vbaProject.bin") {
			macro = true
		}
	}
	note := ""
	if macro {
		note = ", with macros"
	}
	ooxml := len(names) > 0 && (names[0] == "[Content_Types].xml" || names[0] == "_rels/.rels" || names[0] == "docProps/app.xml" || names[0] == "mimetype")
	for i, n := range names {
		switch {
		case strings.HasPrefix(n, "word/"):
			return Type{office + "wordprocessingml.document", "Microsoft Word 2007+" + note}, true
		case strings.HasPrefix(n, "xl/"):
			return Type{office + "spreadsheetml.sheet", "Microsoft Excel 2007+" + note}, true
		case strings.HasPrefix(n, "ppt/"):
			return Type{office + "presentationml.presentation", "Microsoft PowerPoint 2007+" + note}, true
		case n == "AndroidManifest.xml":
			return Type{"application/vnd.android.package-archive", "Android package (APK), with AndroidManifest.xml"}, true
		case n == "META-INF/MANIFEST.MF" && i < 2, strings.HasPrefix(n, "META-INF/") && i == 0 && w.le16(28) == 4 && w.has(30+w.le16(26), "\xfe\xca"):
			if !containsName(names, "AndroidManifest.xml") {
				return Type{"application/java-archive", "Java archive data (JAR)"}, true
			}
		case strings.HasPrefix(n, "Payload/") && strings.HasSuffix(n, ".app/"):
			return Type{"application/x-ios-app", "iOS App Zip archive data"}, true
		}
	}
	if ooxml {
		return Type{"application/octet-stream", "Microsoft OOXML" + note}, true
	}
	return Type{}, false
}

func containsName(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

func openDocument(mime string) (Type, bool) {
	const prefix = "application/vnd.oasis.opendocument."
	if mime == "application/epub+zip" {
		return Type{mime, "EPUB document"}, true
	}
	kind, ok := strings.CutPrefix(mime, prefix)
	if !ok {
		return Type{}, false
	}
	name := map[string]string{
		"text": "Text", "spreadsheet": "Spreadsheet", "presentation": "Presentation", "graphics": "Drawing", "formula": "Formula",
		"chart": "Chart", "database": "Database", "text-template": "Text Template", "spreadsheet-template": "Spreadsheet Template",
	}[kind]
	if name == "" {
		return Type{"application/zip", "OpenDocument"}, true
	}
	return Type{mime, "OpenDocument " + name}, true
}

// compound reads OLE2 compound files ([MS-CFB]): the names in its directory tell what program wrote it.
func compound(b []byte) (Type, bool) {
	if !prefix(b, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
		return Type{}, false
	}
	const text = "Composite Document File V2 Document"
	note := ""
	if bytes.Contains(b, wide("VBA")) && bytes.Contains(b, wide("PROJECT")) || bytes.Contains(b, wide("_VBA_PROJECT")) {
		note = ", with macros"
	}
	for _, k := range [...]struct{ entry, mime, name string }{
		{"WordDocument", "application/msword", "Microsoft Word"},
		{"Workbook", "application/vnd.ms-excel", "Microsoft Excel"},
		{"PowerPoint Document", "application/vnd.ms-powerpoint", "Microsoft PowerPoint"},
		{"VisioDocument", "application/vnd.visio", "Microsoft Visio"},
		{"__properties_version1.0", "application/vnd.ms-outlook", "Microsoft Outlook Message"},
		{"EncryptedPackage", "application/encrypted", "encrypted Microsoft OOXML"},
		{"EquationNative", "application/x-ole-storage", "Microsoft Equation"},
	} {
		if bytes.Contains(b, wide(k.entry)) {
			return Type{k.mime, text + ", Little Endian, Name of Creating Application: " + k.name + note}, true
		}
	}
	// Installers name their tables with characters from a private range; their class is in the root entry.
	if bytes.Contains(b, []byte("\x84\x10\x0c\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46")) {
		return Type{"application/x-msi", text + ", Little Endian, MSI Installer"}, true
	}
	if bytes.Contains(b, wide("Book")) {
		return Type{"application/vnd.ms-excel", text + ", Little Endian, Name of Creating Application: Microsoft Excel" + note}, true
	}
	return Type{"application/x-ole-storage", text + ", Little Endian" + note}, true
}

// wide is ASCII text as UTF-16LE.
func wide(s string) []byte {
	out := make([]byte, 0, 2*len(s))
	for i := range len(s) {
		out = append(out, s[i], 0)
	}
	return out
}
