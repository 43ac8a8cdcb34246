package database

import (
	"bytes"
	"slices"
)

// tokensMax bounds the tokens of a statement that are looked at.
const tokensMax = 2048

// aliasStop are words that end a list of tables rather than name an alias. Never written.
var aliasStop = map[string]bool{
	"WHERE": true, "SET": true, "ON": true, "USING": true, "GROUP": true, "ORDER": true, "HAVING": true, "LIMIT": true, "UNION": true, "VALUES": true, "VALUE": true,
	"SELECT": true, "INNER": true, "LEFT": true, "RIGHT": true, "FULL": true, "CROSS": true, "NATURAL": true, "JOIN": true, "OUTER": true, "RETURNING": true, "FOR": true,
	"WINDOW": true, "FETCH": true, "OFFSET": true, "INTERSECT": true, "EXCEPT": true, "MINUS": true, "STRAIGHT_JOIN": true, "FORCE": true, "USE": true, "IGNORE": true,
	"WITH": true, "DEFAULT": true, "PARTITION": true, "CONNECT": true, "START": true, "ADD": true, "DROP": true, "RENAME": true, "MODIFY": true, "ALTER": true,
	"CHANGE": true, "ENGINE": true, "CASCADE": true, "RESTRICT": true, "WHEN": true, "OUTPUT": true, "OPTION": true, "FROM": true, "INTO": true, "TO": true, "AS": true,
}

// noise are words that may stand between the word that announces a table and its name. Never written.
var noise = map[string]bool{"IF": true, "NOT": true, "EXISTS": true, "ONLY": true, "LATERAL": true, "LOW_PRIORITY": true, "IGNORE": true, "TABLE": true, "DELAYED": true, "QUICK": true}

// innerFrom are functions in whose brackets FROM announces no table. Never written.
var innerFrom = map[string]bool{"EXTRACT": true, "SUBSTRING": true, "SUBSTR": true, "TRIM": true, "OVERLAY": true, "POSITION": true}

// reader gathers the objects of one statement.
type reader struct {
	tokens  []token
	at      int
	objects []string
	named   map[string]bool // common table expressions: no tables
}

// Statement names the operation of SQL text (its first word, the main verb behind WITH) and the tables it speaks of.
func Statement(sql []byte) (operation string, objects []string) {
	lex := lexer{b: sql}
	r := &reader{named: map[string]bool{}}
	for len(r.tokens) < tokensMax {
		t := lex.next()
		if t.kind == end {
			break
		}
		r.tokens = append(r.tokens, t)
	}
	r.read(&operation)
	return operation, r.objects
}

func (r *reader) peek(n int) token {
	if i := r.at + n; i >= 0 && i < len(r.tokens) {
		return r.tokens[i]
	}
	return token{}
}

func (r *reader) read(operation *string) {
	var skipFrom []bool // by open bracket: FROM announces no table
	with, depth := false, 0
	for ; r.at < len(r.tokens); r.at++ {
		t := r.tokens[r.at]
		switch {
		case t.kind == sign && t.body[0] == '(':
			before := r.peek(-1)
			skipFrom = append(skipFrom, before.kind == word && innerFrom[before.upper])
			depth++
			continue
		case t.kind == sign && t.body[0] == ')':
			if depth > 0 {
				depth--
				skipFrom = skipFrom[:depth]
			}
			continue
		case t.kind != word:
			continue
		}
		if with && depth == 0 && *operation == "WITH" {
			switch t.upper {
			case "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE":
				*operation = t.upper
			}
		}
		if with && r.peek(1).upper == "AS" && r.peek(2).kind == sign && r.peek(2).body[0] == '(' {
			r.named[string(t.body)] = true
		}
		if *operation == "" {
			*operation = t.upper
			with = t.upper == "WITH"
		}
		if len(skipFrom) > 0 && skipFrom[depth-1] && t.upper == "FROM" {
			continue
		}
		if r.announces(t.upper, *operation) {
			r.list(t.upper)
		}
	}
}

// announces tells whether tables stand behind a word.
func (r *reader) announces(w, operation string) bool {
	before := r.peek(-1).upper
	switch w {
	case "FROM":
		return before != "DISTINCT" && operation != "SHOW" && operation != "REVOKE" && operation != "COPY"
	case "INTO":
		return before != "SELECT" || r.peek(1).kind != word || r.peek(1).body[0] != '@'
	case "UPDATE":
		return before != "FOR" && before != "KEY" && before != "ON" && before != "DO" && before != "BEFORE" && before != "AFTER" && before != "OR" && operation != "GRANT"
	case "JOIN", "TABLE", "VIEW", "STRAIGHT_JOIN":
		return operation != "SHOW"
	case "TRUNCATE", "DESCRIBE", "DESC", "COPY", "MERGE":
		n := r.peek(1)
		return r.at == 0 && n.upper != "TABLE" && n.upper != "INTO"
	}
	return false
}

// list takes the names behind an announcing word, separated by commas, with aliases between.
func (r *reader) list(announcer string) {
	for range ObjectsMax {
		for r.peek(1).kind == word && noise[r.peek(1).upper] {
			r.at++
		}
		if !r.name(announcer == "FROM" || announcer == "JOIN") {
			return
		}
		if announcer == "INTO" || announcer == "COPY" {
			return
		}
		if r.peek(1).upper == "AS" && r.peek(2).kind != sign {
			r.at += 2
		} else if n := r.peek(1); n.kind == quoted || n.kind == word && !aliasStop[n.upper] {
			r.at++
		}
		if n := r.peek(1); n.kind != sign || n.body[0] != ',' {
			return
		}
		r.at++
	}
}

// name takes one name with its qualifiers; false when what follows is none (a subquery or, where one may stand, a function).
func (r *reader) name(functions bool) bool {
	var full []byte
	for range 5 {
		t := r.peek(1)
		if t.kind != word && t.kind != quoted || t.kind == word && len(full) == 0 && aliasStop[t.upper] {
			break
		}
		full = append(full, t.body...)
		r.at++
		if dot := r.peek(1); dot.kind != sign || dot.body[0] != '.' {
			break
		}
		for r.peek(1).kind == sign && r.peek(1).body[0] == '.' {
			full = append(full, '.')
			r.at++
		}
	}
	if len(full) == 0 {
		return false
	}
	if n := r.peek(1); functions && n.kind == sign && n.body[0] == '(' {
		return false // a function that returns rows
	}
	if name := string(full[:min(len(full), TextMax)]); full[0] != '@' && !r.named[name] && !slices.Contains(r.objects, name) && len(r.objects) < ObjectsMax {
		r.objects = append(r.objects, name)
	}
	return true
}

// Mask returns the statement with the strings that set passwords (IDENTIFIED BY '…', PASSWORD '…', PASSWORD = '…',
// PASSWORD('…')) replaced by '***'. Without such it is the statement itself.
func Mask(sql []byte) []byte {
	if !bytes.Contains(bytes.ToUpper(sql), []byte("PASSWORD")) && !bytes.Contains(bytes.ToUpper(sql), []byte("IDENTIFIED")) {
		return sql
	}
	lex := lexer{b: sql}
	var out []byte
	done, secret := 0, 0 // secret: how many tokens from here a string is one
	for range tokensMax {
		t := lex.next()
		if t.kind == end {
			break
		}
		switch {
		case (t.kind == text || t.kind == quoted) && secret > 0:
			out = append(append(out, sql[done:t.at]...), "'***'"...)
			done, secret = t.end, 0
		case t.kind == word && (t.upper == "PASSWORD" || t.upper == "IDENTIFIED"):
			secret = 8 // IDENTIFIED WITH plugin BY, PASSWORD FOR 'me'@'host' =
			if t.upper == "PASSWORD" && peekFor(lex) {
				secret = 0
			}
		case t.kind == sign && (t.body[0] == '=' || t.body[0] == '(') && endsWithPassword(sql[:t.at]):
			secret = 2
		default:
			secret--
		}
	}
	return append(out, sql[done:]...)
}

// peekFor tells whether FOR stands next: SET PASSWORD FOR user = '…' names a user first.
func peekFor(l lexer) bool { return l.next().upper == "FOR" }

// endsWithPassword tells whether "=" or "(" here begins the secret of SET PASSWORD FOR user = or PASSWORD(.
func endsWithPassword(before []byte) bool {
	lex := lexer{b: before}
	first, second := lex.next(), lex.next()
	return first.upper == "SET" && second.upper == "PASSWORD"
}
