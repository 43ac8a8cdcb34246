package file

import "bytes"

// tongue is a language or markup found in a text.
type tongue struct {
	Type
	runs bool // file(1) calls it executable
	bare bool // the description stands alone
}

// language guesses what a text is written in. b is its beginning.
func language(b []byte) tongue {
	trimmed := bytes.TrimLeft(b, " \t\r\n\f\v")
	switch {
	case prefix(b, "#!"):
		if t, ok := interpreter(b); ok {
			return t
		}
	case foldPrefix(trimmed, "<?xml"):
		if bytes.Contains(lower(trimmed, 1024), []byte("<svg")) {
			return tongue{Type: Type{"image/svg+xml", "SVG Scalable Vector Graphics image"}, bare: true}
		}
		version := "1.0"
		if i := bytes.Index(trimmed[:min(len(trimmed), 64)], []byte("version=")); i >= 0 && i+12 <= len(trimmed) {
			version = printable(trimmed[i+9 : i+12])
		}
		return tongue{Type: Type{"text/xml", "XML " + version + " document"}}
	case foldPrefix(trimmed, "<svg"):
		return tongue{Type: Type{"image/svg+xml", "SVG Scalable Vector Graphics image"}, bare: true}
	case prefix(trimmed, "<?php"), prefix(trimmed, "<?\n"), prefix(trimmed, "<?="):
		return tongue{Type: Type{"text/x-php", "PHP script"}}
	case prefix(trimmed, "<%@ "), foldPrefix(trimmed, "<%@"):
		return tongue{Type: Type{"text/plain", "ASP or JSP page"}}
	case isHTML(trimmed):
		return tongue{Type: Type{"text/html", "HTML document"}}
	case isJSON(trimmed):
		return tongue{Type: Type{"application/json", "JSON text data"}, bare: true}
	case foldPrefix(trimmed, "@echo off"), foldPrefix(trimmed, "@echo "), foldPrefix(trimmed, "rem "), foldPrefix(trimmed, "@rem "), foldPrefix(trimmed, "setlocal"):
		return tongue{Type: Type{"text/x-msdos-batch", "DOS batch file"}}
	case prefix(trimmed, "[InternetShortcut]"):
		return tongue{Type: Type{"application/x-mswinurl", "MS Windows 95 Internet shortcut text"}}
	case foldPrefix(trimmed, "[autorun]"):
		return tongue{Type: Type{"application/x-setupscript", "Microsoft Windows Autorun file"}}
	case prefix(trimmed, "Windows Registry Editor Version 5.00"), prefix(trimmed, "REGEDIT4"):
		return tongue{Type: Type{"text/x-ms-regedit", "Windows Registry text"}}
	case prefix(trimmed, "BEGIN:VCARD"):
		return tongue{Type: Type{"text/vcard", "vCard visiting card"}}
	case prefix(trimmed, "BEGIN:VCALENDAR"):
		return tongue{Type: Type{"text/calendar", "vCalendar calendar file"}}
	case prefix(trimmed, "#EXTM3U"):
		return tongue{Type: Type{"application/vnd.apple.mpegurl", "M3U playlist"}}
	case mailLike(b):
		return tongue{Type: Type{"message/rfc822", "news or mail"}}
	}
	return script(b)
}

// interpreter reads a #! line.
func interpreter(b []byte) (tongue, bool) {
	line, _, _ := bytes.Cut(b[2:], []byte{'\n'})
	line = bytes.TrimSpace(line[:min(len(line), 128)])
	for _, s := range [...]struct{ word, mime, name string }{
		{"bash", "text/x-shellscript", "Bourne-Again shell script"},
		{"python", "text/x-script.python", "Python script"},
		{"perl", "text/x-perl", "Perl script"},
		{"ruby", "text/x-ruby", "Ruby script"},
		{"node", "application/javascript", "Node.js script"},
		{"php", "text/x-php", "PHP script"},
		{"pwsh", "text/plain", "PowerShell script"},
		{"zsh", "text/x-shellscript", "Paul Falstad's zsh script"},
		{"ksh", "text/x-shellscript", "Korn shell script"},
		{"csh", "text/x-shellscript", "C shell script"},
		{"lua", "text/x-lua", "Lua script"},
		{"awk", "text/x-awk", "awk script"},
		{"sh", "text/x-shellscript", "POSIX shell script"},
	} {
		if bytes.Contains(line, []byte(s.word)) {
			return tongue{Type: Type{s.mime, s.name}, runs: true}, true
		}
	}
	return tongue{Type: Type{"text/plain", "a " + printable(line) + " script"}, runs: true}, len(line) > 0
}

func isHTML(b []byte) bool {
	for range 8 { // comments may come first
		if !prefix(b, "<!--") {
			break
		}
		_, rest, ok := bytes.Cut(b, []byte("-->"))
		if !ok {
			break
		}
		b = bytes.TrimLeft(rest, " \t\r\n")
	}
	for _, s := range [...]string{"<!doctype html", "<html", "<head", "<title", "<body", "<script", "<iframe", "<table", "<h1", "<style", "<div", "<meta", "<br>", "<a href"} {
		if foldPrefix(b, s) {
			return true
		}
	}
	return false
}

// isJSON tells an object or array that begins as one.
func isJSON(b []byte) bool {
	if len(b) < 2 || b[0] != '{' && b[0] != '[' {
		return false
	}
	rest := bytes.TrimLeft(b[1:], " \t\r\n")
	if len(rest) == 0 {
		return false
	}
	if b[0] == '{' {
		if rest[0] == '}' {
			return len(bytes.TrimSpace(rest[1:])) == 0
		}
		if rest[0] != '"' {
			return false
		}
		i := bytes.IndexByte(rest[1:], '"')
		return i >= 0 && prefix(bytes.TrimLeft(rest[i+2:], " \t\r\n"), ":")
	}
	switch c := rest[0]; {
	case c == '{':
		return isJSON(rest)
	case c == '"':
		i := bytes.IndexByte(rest[1:], '"')
		if i < 0 {
			return false
		}
		after := bytes.TrimLeft(rest[i+2:], " \t\r\n")
		return len(after) > 0 && (after[0] == ',' || after[0] == ']')
	case c == '[', c == ']':
		return true
	case c >= '0' && c <= '9' || c == '-':
		after := bytes.TrimLeft(rest, "-+.eE0123456789 \t\r\n")
		return len(after) > 0 && (after[0] == ',' || after[0] == ']')
	}
	return false
}

// mailLike tells a message by its first header.
func mailLike(b []byte) bool {
	for _, s := range [...]string{"Return-Path:", "Received:", "Delivered-To:", "Message-ID:", "From:", "To: ", "Relay-Version:", "Date: ", "Subject: "} {
		if foldPrefix(b, lowerText(s)) {
			return bytes.Contains(b, []byte("\n"))
		}
	}
	return false
}

func lowerText(s string) string { return string(bytes.ToLower([]byte(s))) }

func lower(b []byte, most int) []byte { return bytes.ToLower(b[:min(len(b), most)]) }

// script weighs words that scripts without a mark have: at least two different ones, or one that no prose has.
func script(b []byte) tongue {
	text := lower(b, 8192)
	for _, s := range [...]struct {
		mime, name string
		runs       bool
		sure       []string
		words      []string
	}{
		{
			"text/plain", "PowerShell script", false,
			[]string{"invoke-expression", "new-object system.net.webclient", "-encodedcommand", "[system.convert]::frombase64string", "set-executionpolicy", "add-type -assemblyname"},
			[]string{"write-host", "new-object ", "$env:", "param(", "invoke-webrequest", "start-process ", "iex ", "-erroraction", "$_.", "get-childitem", "import-module"},
		},
		{
			"text/vbscript", "VBScript source", false,
			[]string{"wscript.shell", "scripting.filesystemobject", "on error resume next", "attribute vb_name"},
			[]string{"createobject(", "\ndim ", "end sub", "end function", "option explicit", "msgbox", "wscript.", "chrw(", "executeglobal"},
		},
		{
			"application/javascript", "JavaScript source", false,
			[]string{"\"use strict\"", "'use strict'", "new activexobject(", "document.getelementbyid", "module.exports", "string.fromcharcode("},
			[]string{"function(", "function (", "var ", "const ", "=>", "document.", "window.", "typeof ", "===", "eval(", "unescape(", ".prototype", "let "},
		},
		{
			"text/x-script.python", "Python script", true,
			[]string{"if __name__ ==", "from __future__ import", "#!/usr/bin/env python"},
			[]string{"\nimport ", "import os", "import sys", "def ", "    return ", "print(", "self.", "elif "},
		},
		{"text/x-php", "PHP script", false, []string{"<?php"}, nil},
		{"text/x-c", "C source", false, nil, []string{"#include <", "#include \"", "int main(", "\n#define ", "typedef struct"}},
		{"text/x-java", "Java source", false, nil, []string{"import java.", "public class ", "public static void main"}},
		{"text/x-shellscript", "POSIX shell script", true, nil, []string{"\nfi\n", "; then", "\ndone\n", "chmod +x", "wget http", "curl -", "/bin/busybox"}},
	} {
		for _, w := range s.sure {
			if bytes.Contains(text, []byte(w)) {
				return tongue{Type: Type{s.mime, s.name}, runs: s.runs}
			}
		}
		found := 0
		for _, w := range s.words {
			if bytes.Contains(text, []byte(w)) {
				found++
			}
		}
		if found >= 2 {
			return tongue{Type: Type{s.mime, s.name}, runs: s.runs}
		}
	}
	return tongue{}
}
