package database

import "bytes"

// kind is what a token is.
type kind uint8

const (
	end kind = iota
	word
	quoted // an identifier in quotes of its dialect
	text   // a string
	number
	sign
)

// token is a piece of a statement; body is without quotes, upper is the body of a word in upper case.
type token struct {
	kind  kind
	body  []byte
	upper string
	at    int // of its first byte, quotes included
	end   int
}

// lexer cuts SQL text of any dialect into tokens.
type lexer struct {
	b  []byte
	at int
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c == '#' || c == '@' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// blank passes over white space and comments.
func (l *lexer) blank() {
	for l.at < len(l.b) {
		rest := l.b[l.at:]
		switch c := rest[0]; {
		case c <= ' ':
			l.at++
		case bytes.HasPrefix(rest, []byte("--")), c == '#' && (len(rest) == 1 || rest[1] <= ' '):
			n := bytes.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			l.at += n
		case bytes.HasPrefix(rest, []byte("/*")):
			if len(rest) > 2 && rest[2] == '!' { // MySQL runs what stands in /*! */
				l.at += 3
				for l.at < len(l.b) && l.b[l.at] >= '0' && l.b[l.at] <= '9' {
					l.at++
				}
				continue
			}
			n := bytes.Index(rest[2:], []byte("*/"))
			if n < 0 {
				l.at = len(l.b)
				return
			}
			l.at += n + 4
		case bytes.HasPrefix(rest, []byte("*/")):
			l.at += 2
		default:
			return
		}
	}
}

// next returns the next token.
func (l *lexer) next() token {
	l.blank()
	if l.at >= len(l.b) {
		return token{kind: end, at: len(l.b), end: len(l.b)}
	}
	start := l.at
	switch c := l.b[start]; {
	case c == '\'':
		return l.quote(text, '\'')
	case c == '"':
		return l.quote(quoted, '"')
	case c == '`':
		return l.quote(quoted, '`')
	case c == '[' && l.bracket():
		return l.quote(quoted, ']')
	case isWord(c):
		for l.at < len(l.b) && isWord(l.b[l.at]) {
			l.at++
		}
		body := l.b[start:l.at]
		k := word
		if c >= '0' && c <= '9' {
			k = number
		}
		return token{k, body, string(bytes.ToUpper(body[:min(len(body), 32)])), start, l.at}
	}
	l.at++
	return token{kind: sign, body: l.b[start:l.at], at: start, end: l.at}
}

// bracket tells whether "[" begins an identifier of Transact-SQL and not an array's index.
func (l *lexer) bracket() bool {
	if l.at+1 >= len(l.b) {
		return false
	}
	c := l.b[l.at+1]
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// quote reads up to the closing quote; a doubled one stands for itself, and so does one behind a backslash in strings.
func (l *lexer) quote(k kind, closing byte) token {
	start := l.at
	l.at++
	var body []byte
	for l.at < len(l.b) {
		c := l.b[l.at]
		l.at++
		switch {
		case c == '\\' && closing == '\'' && l.at < len(l.b):
			c = l.b[l.at]
			l.at++
		case c == closing && l.at < len(l.b) && l.b[l.at] == closing:
			l.at++
		case c == closing:
			return token{kind: k, body: body, at: start, end: l.at}
		}
		body = append(body, c)
	}
	return token{kind: k, body: body, at: start, end: l.at}
}
