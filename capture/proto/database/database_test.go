package database

import (
	"strings"
	"testing"

	"fengsui/capture/event"
)

func TestStatement(t *testing.T) {
	f := func(sql, operation, objects string) {
		t.Helper()
		op, list := Statement([]byte(sql))
		if op != operation || strings.Join(list, " ") != objects {
			t.Errorf("%s: %s %q, want %s %q", sql, op, list, operation, objects)
		}
	}
	f("select * from foo", "SELECT", "foo")
	f("SELECT a.x, 'from y' FROM `my db`.`t 1` AS a, [dbo].[t2] b LEFT JOIN t3 ON a.id=t3.id WHERE x IN (SELECT id FROM t4)", "SELECT", "my db.t 1 dbo.t2 t3 t4")
	f("-- note\n/* from x */ insert into s.t (a,b) values (1,'x')", "INSERT", "s.t")
	f("insert into t(a) select b from u on duplicate key update a=1", "INSERT", "t u")
	f(`UPDATE "Public"."T" SET a=1 FROM other o WHERE x`, "UPDATE", "Public.T other")
	f("DELETE FROM t WHERE a IS DISTINCT FROM b", "DELETE", "t")
	f("DROP TABLE IF EXISTS a, b CASCADE", "DROP", "a b")
	f("create table if not exists foo (id int)", "CREATE", "foo")
	f("TRUNCATE t", "TRUNCATE", "t")
	f("WITH x AS (SELECT 1 FROM real), y AS (SELECT 2) DELETE FROM z USING x", "DELETE", "real z")
	f("select extract(year from d), trim(both ' ' from n) from t for update", "SELECT", "t")
	f("SELECT * FROM generate_series(1,2) g JOIN t ON 1=1", "SELECT", "t")
	f("show tables from mysql", "SHOW", "")
	f("select 1", "SELECT", "")
	f("SELECT * FROM (SELECT * FROM inner_t) q", "SELECT", "inner_t")
	f("merge into t using u on 1=1 when matched then update set a=1", "MERGE", "t")
	f("copy t (a,b) from stdin", "COPY", "t")
	f("/*!40000 ALTER TABLE `t` DISABLE KEYS */", "ALTER", "t")
	f("", "", "")
	f("select '", "SELECT", "")
	f("exec sp_who", "EXEC", "")
	f("select a[1] from t", "SELECT", "t")
}

func TestMask(t *testing.T) {
	f := func(sql, want string) {
		t.Helper()
		if got := string(Mask([]byte(sql))); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	f("select 'password' from t", "select 'password' from t")
	f("create user u identified by 'geheim'", "create user u identified by '***'")
	f("ALTER USER u IDENTIFIED WITH sha2 BY 'it''s'", "ALTER USER u IDENTIFIED WITH sha2 BY '***'")
	f("set password = 'x'", "set password = '***'")
	f("set password for 'me'@'h' = password('x')", "set password for 'me'@'h' = password('***')")
	f("create role r with login password 'x' valid until '2030'", "create role r with login password '***' valid until '2030'")
	f("CREATE LOGIN l WITH PASSWORD = N'x'", "CREATE LOGIN l WITH PASSWORD = N'***'")
}

func TestAccess(t *testing.T) {
	var a Access
	a.User, a.Database = "me", "db"
	a.SetStatement([]byte("SELECT * FROM t -- " + strings.Repeat("x", StatementMax)))
	a.AddRows(3)
	a.Fail("1064", []byte("no"))
	a.Succeed()
	var e event.Event
	a.Event(&e)
	for name, want := range map[string]string{
		event.DBUser: "me", event.UserName: "me", event.DBName: "db", event.DBOperation: "SELECT", event.DBObject: "t", event.DBRows: "3", event.DBOutcome: "failure",
		event.DBErrorCode: "1064", event.DBError: "no", event.DBCut: "true", event.EventOutcome: "failure",
	} {
		if got := e.Text(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func FuzzStatement(f *testing.F) {
	f.Add([]byte("WITH x AS (SELECT 1 FROM a.b) UPDATE \"t\" SET x='\\'' -- y"))
	f.Add([]byte("set password for 'me'@'h' = password('x')"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, list := Statement(b); len(list) > ObjectsMax {
			t.Fatal(len(list))
		}
		Mask(b)
	})
}
