package signature

import (
	"errors"
	"fmt"
	"sync"

	"fengsui/analyze/signature/dataset"
)

// Names gives numbers to the names rules make up (flowbits, xbits, hostbits, flowints, flowvars), and keeps the data sets that rules write to. A number
// never changes meaning while the Names lives, so state kept by number survives a swap of sets.
type Names struct {
	mu       sync.Mutex
	nums     map[string]uint32
	datasets map[string]*dataset.Set
}

// number gives the number of a name; kinds of names do not mix.
func (n *Names) number(kind, name string) uint32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nums == nil {
		n.nums = map[string]uint32{}
	}
	key := kind + "\x00" + name
	num, ok := n.nums[key]
	if !ok {
		num = uint32(len(n.nums))
		n.nums[key] = num
	}
	return num
}

// dataset finds a data set that lives on, nil when there is none of that name.
func (n *Names) dataset(name string) *dataset.Set {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.datasets[name]
}

func (n *Names) keepDataset(d *dataset.Set) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.datasets == nil {
		n.datasets = map[string]*dataset.Set{}
	}
	n.datasets[d.Name] = d
}

// SaveDatasets gives the content of each data set whose rule says save or state to write, with the name the rule gives its file: a local path.
func (n *Names) SaveDatasets(write func(name string, text []byte) error) error {
	n.mu.Lock()
	var sets []*dataset.Set
	for _, d := range n.datasets {
		if d.Save != "" {
			sets = append(sets, d)
		}
	}
	n.mu.Unlock()
	var all []error
	for _, d := range sets {
		if err := write(d.Save, d.Text()); err != nil {
			all = append(all, fmt.Errorf("save data set %s: %w", d.Name, err))
		}
	}
	return errors.Join(all...)
}
