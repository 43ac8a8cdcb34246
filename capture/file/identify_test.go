package file

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func zipOf(t testing.TB, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, n := range names {
		w, err := z.Create(n)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(bytes.Repeat([]byte("content "), 50))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipOf(b []byte, name string) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Name, z.OS = name, 3
	z.Write(b)
	z.Close()
	return out.Bytes()
}

// peFile builds a header with the fields that are read.
func peFile(optional uint16, machine, subsystem, characteristics int, net bool) []byte {
	b := make([]byte, 1024)
	copy(b, "MZ")
	b[0x18], b[0x3c] = 0x40, 0x80
	copy(b[0x80:], "PE\x00\x00")
	b[0x84], b[0x85] = byte(machine), byte(machine>>8)
	b[0x86] = 3
	b[0x94] = 0xe0
	b[0x96], b[0x97] = byte(characteristics), byte(characteristics>>8)
	b[0x98], b[0x99] = byte(optional), byte(optional>>8)
	b[0x98+68] = byte(subsystem)
	dirs := 0x98 + 96
	if optional == 0x20b {
		dirs = 0x98 + 112
	}
	b[dirs-4] = 16
	if net {
		b[dirs+14*8] = 1
	}
	return b
}

func samples(t testing.TB) map[string][]byte {
	return map[string][]byte{
		"PE32 executable (GUI) Intel 80386, for MS Windows, 3 sections":                        peFile(0x10b, 0x14c, 2, 0x102, false),
		"PE32+ executable (DLL) (console) x86-64, for MS Windows, 3 sections":                  peFile(0x20b, 0x8664, 3, 0x2022, false),
		"PE32 executable (console) Intel 80386 Mono/.Net assembly, for MS Windows, 3 sections": peFile(0x10b, 0x14c, 3, 0x102, true),
		"PDF document, version 1.7":                                                         []byte("%PDF-1.7\n%\xe2\xe3"),
		"Microsoft Word 2007+":                                                              zipOf(t, "[Content_Types].xml", "_rels/.rels", "word/document.xml"),
		"Microsoft Excel 2007+, with macros":                                                zipOf(t, "[Content_Types].xml", "xl/workbook.xml", "xl/vbaProject.bin"),
		"Java archive data (JAR)":                                                           zipOf(t, "META-INF/MANIFEST.MF", "A.class"),
		"Android package (APK), with AndroidManifest.xml":                                   zipOf(t, "META-INF/MANIFEST.MF", "AndroidManifest.xml", "classes.dex"),
		"Zip archive data, at least v2.0 to extract, compression method=deflate":            zipOf(t, "a.txt"),
		`gzip compressed data, was "x.tar", from Unix`:                                      gzipOf([]byte("x"), "x.tar"),
		"RAR archive data, v5":                                                              []byte("Rar!\x1a\x07\x01\x00...."),
		"7-zip archive data, version 0.4":                                                   []byte("7z\xbc\xaf\x27\x1c\x00\x04...."),
		"GIF image data, version 89a, 3 x 5":                                                []byte("GIF89a\x03\x00\x05\x00\x00\x00\x00"),
		"PNG image data, 90 x 90, 8-bit colormap, non-interlaced":                           []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x5a\x00\x00\x00\x5a\x08\x03\x00\x00\x00"),
		"JPEG image data, JFIF standard 1.01, baseline, precision 8, 200x240, components 3": []byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xc0\x00\x11\x08\x00\xf0\x00\xc8\x03\x01\x22\x00"),
		"compiled Java class data, version 52.0 (Java 1.8)":                                 []byte("\xca\xfe\xba\xbe\x00\x00\x00\x34\x00\x1d"),
		"Mach-O universal binary with 2 architectures":                                      []byte("\xca\xfe\xba\xbe\x00\x00\x00\x02\x01\x00\x00\x07"),
		"HTML document, ASCII text, with CRLF line terminators":                             []byte("<!-- x -->\r\n<html>\r\n"),
		"XML 1.0 document, ASCII text":                                                      []byte("<?xml version=\"1.0\"?>\n<a/>\n"),
		"JSON text data":                                                                    []byte(`{"a":[1,2]}`),
		"Bourne-Again shell script, ASCII text executable":                                  []byte("#!/bin/bash\necho\n"),
		"DOS batch file, ASCII text, with CRLF line terminators":                            []byte("@echo off\r\nset a=b\r\n"),
		"PHP script, ASCII text":                                                            []byte("<?php echo 1; ?>\n"),
		"PowerShell script, ASCII text":                                                     []byte("$x = New-Object System.Net.WebClient\nWrite-Host hi\n"),
		"VBScript source, ASCII text":                                                       []byte("Set x = CreateObject(\"WScript.Shell\")\n"),
		"PEM certificate":                                                                   []byte("-----BEGIN CERTIFICATE-----\nMIIB\n"),
		"Rich Text Format data, version 1, ANSI":                                            []byte("{\\rtf1\\ansi x}"),
		"Unicode text, UTF-8 text":                                                          []byte("汉字\n"),
		"ASCII text, with very long lines (900)":                                            []byte(strings.Repeat("x", 900) + "\n"),
		"ISO-8859 text":                                                                     []byte("caf\xe9\n"),
		"Unicode text, UTF-16, little-endian text":                                          []byte("\xff\xfeh\x00i\x00\n\x00"),
		"data":  []byte("\x00\x01\x02\x03"),
		"empty": nil,
		"Composite Document File V2 Document, Little Endian, Name of Creating Application: Microsoft Word, with macros": append(append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), wide("WordDocument")...), wide("_VBA_PROJECT")...),
	}
}

func TestIdentify(t *testing.T) {
	for want, b := range samples(t) {
		if got := Identify(b); got.Description != want {
			t.Errorf("got  %q\nwant %q", got.Description, want)
		} else if got.MIME == "" {
			t.Errorf("%q has no MIME type", want)
		}
	}
}

// TestIdentifyLikeFile compares the first words with what file(1) says of the same bytes where it is installed.
func TestIdentifyLikeFile(t *testing.T) {
	program, err := exec.LookPath("file")
	if err != nil {
		t.Skip("file(1) is not installed")
	}
	dir := t.TempDir()
	same, all := 0, 0
	for want, b := range samples(t) {
		path := filepath.Join(dir, "f")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(program, "-b", path).Output()
		if err != nil {
			t.Fatal(err)
		}
		all++
		their, _, _ := strings.Cut(strings.TrimSpace(string(out)), ",")
		our, _, _ := strings.Cut(want, ",")
		if their == our {
			same++
		} else {
			t.Logf("file: %q, we: %q", strings.TrimSpace(string(out)), want)
		}
	}
	if same*100 < all*80 {
		t.Errorf("%d of %d descriptions begin alike", same, all)
	}
}

func FuzzIdentify(f *testing.F) {
	for _, b := range samples(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := Identify(b)
		if got.MIME == "" || got.Description == "" {
			t.Fatalf("no type for %q", b)
		}
		x := New(nil, 0, nil)
		half := len(b) / 2
		x.Write(b[:half])
		x.Type()
		x.Write(b[half:])
		x.Close()
		if again := x.Type(); len(b) <= KeepDefault && again != got {
			t.Fatalf("in two pieces %v, at once %v", again, got)
		}
	})
}
