package fsm_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"fengsui/federation/fsm"
	"fengsui/federation/fsm/fsmtest"

	"github.com/hashicorp/raft"
)

// crashLogs is the history every child applies: entry i holds three commands made from i.
func crashLogs(t testing.TB, first, n uint64) []*raft.Log {
	var logs []*raft.Log
	for i := first; i < first+n; i++ {
		logs = append(logs, fsmtest.Entry(t, i,
			command(kindCount, ""),
			put(fmt.Sprintf("key%d", i%97), strings.Repeat(strconv.FormatUint(i, 10), 1+int(i%200))),
			command(kindDelete, fmt.Sprintf("key%d", i%89)),
		))
	}
	return logs
}

// TestKilledWhileApplying kills a child with SIGKILL at random moments of applying and
// restoring, again and again on the same directory, and checks each time that the state
// is exactly the prefix its own position names.
func TestKilledWhileApplying(t *testing.T) {
	if dir := os.Getenv("FSM_TEST_CRASH"); dir != "" {
		crashChild(t, dir)
		return
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	reference := fsmtest.Open(t, kvSpec())
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		acknowledged := runAndKill(t, dir, rng.IntN(60), rng.IntN(400))
		f, err := fsm.Open(dir, []fsm.Spec{kvSpec()})
		if err != nil {
			t.Fatalf("round %d: the state does not open after a kill: %v", round, err)
		}
		index, _ := f.Applied()
		if index < acknowledged {
			t.Fatalf("round %d: entry %d was acknowledged, the state has %d", round, acknowledged, index)
		}
		if at, _ := reference.Applied(); index > at {
			reference.ApplyBatch(crashLogs(t, at+1, index-at))
		}
		if fsmtest.Hash(t, f) != fsmtest.Hash(t, reference) {
			t.Fatalf("round %d: the state at %d is not the state of a node that never crashed", round, index)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// runAndKill lets a child apply until it has reported lines acknowledgements, then a few
// thousand spins more, and kills it. It returns the last index reported.
func runAndKill(t *testing.T, dir string, lines, spins int) uint64 {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWhileApplying$")
	cmd.Env = append(os.Environ(), "FSM_TEST_CRASH="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var last uint64
	in := bufio.NewScanner(out)
	read := func() bool {
		if !in.Scan() {
			return false
		}
		text, ok := strings.CutPrefix(in.Text(), "applied ")
		if !ok {
			return true
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		last = n
		return true
	}
	for range lines + 1 {
		if !read() {
			t.Fatal("the child ended by itself")
		}
	}
	x := 0
	for i := range spins * 2000 { // a moment that is no fixed point of the child's loop
		x += i
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for read() { // what it had reported before it died
	}
	if err := cmd.Wait(); err == nil {
		t.Fatalf("killed child ended well (%d)", x)
	}
	return last
}

// crashChild applies for ever; every few batches it restores its own snapshot.
func crashChild(t *testing.T, dir string) {
	f, err := fsm.Open(dir, []fsm.Spec{kvSpec()})
	if err != nil {
		t.Fatal(err)
	}
	index, _ := f.Applied()
	for n := 0; ; n++ {
		batch := uint64(1 + n%5)
		for _, r := range f.ApplyBatch(crashLogs(t, index+1, batch)) {
			if err, bad := r.(error); bad {
				t.Fatal(err)
			}
		}
		index += batch
		fmt.Printf("applied %d\n", index)
		if n%10 == 9 {
			fsmtest.Restore(t, f, fsmtest.Snapshot(t, f))
			fmt.Println("restored")
		}
	}
}
