package field

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"fengsui/capture/flow"
	krb5proto "fengsui/capture/proto/krb5"
)

// krb5Name makes a sticky buffer of the parts of a name. As in Suricata they are looked at in what the server sends.
func krb5Name(get func(t *krb5proto.Transaction) [][]byte, names ...string) Buffer {
	return Buffer{
		Names: names, Dirs: ToClient, Need: After(krb5proto.Done), Multi: true,
		Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			t, ok := v.Tx.(*krb5proto.Transaction)
			if !ok {
				return nil, false
			}
			parts := get(t)
			if i >= len(parts) {
				return nil, false
			}
			return parts[i], true
		},
	}
}

// krb5 is the table of Kerberos.
func krb5() Protocol {
	return Protocol{
		App: flow.AppKRB5,
		Buffers: []Buffer{
			krb5Name(func(t *krb5proto.Transaction) [][]byte { return t.Client }, "krb5.cname", "krb5_cname"),
			krb5Name(func(t *krb5proto.Transaction) [][]byte { return t.Server }, "krb5.sname", "krb5_sname"),
		},
		Numbers: []Number{
			{
				Names: []string{"krb5_msg_type", "krb5.msg_type"}, Dirs: Both, Need: After(krb5proto.Done), Max: 1<<32 - 1,
				Get: func(v *View, i int) (uint64, bool) {
					t, ok := v.Tx.(*krb5proto.Transaction)
					if !ok || i > 0 || t.Type == 0 {
						return 0, false
					}
					return uint64(t.Type), true
				},
			},
			{
				Names: []string{"krb5_err_code", "krb5.err_code"}, Dirs: Both, Need: After(krb5proto.Done), Max: 1<<31 - 1,
				Get: func(v *View, i int) (uint64, bool) {
					t, ok := v.Tx.(*krb5proto.Transaction)
					if !ok || i > 0 || !t.HasError {
						return 0, false
					}
					return uint64(t.ErrorCode), true
				},
			},
		},
		Tests: []Test{{
			Names: []string{"krb5.ticket_encryption"}, Dirs: ToClient, Need: After(krb5proto.Done), Value: ValueNeeded,
			Parse: parseTicketEncryption,
		}},
		Events: krb5proto.Anomalies,
	}
}

// parseTicketEncryption reads "[!]weak" or a list of encryption types, by number or name.
func parseTicketEncryption(value string) (func(v *View) bool, error) {
	value = strings.ToLower(strings.TrimSpace(value))
	negated := strings.HasPrefix(value, "!")
	value = strings.TrimSpace(strings.TrimPrefix(value, "!"))
	holds := krb5proto.Weak
	if value != "weak" {
		var list []int32
		for _, p := range strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
			if n, err := strconv.ParseInt(p, 10, 32); err == nil {
				list = append(list, int32(n))
			} else if n, ok := krb5proto.EncryptionByName(p); ok {
				list = append(list, n)
			} else {
				return nil, fmt.Errorf("%q is no encryption type", p)
			}
		}
		if len(list) == 0 {
			return nil, errors.New("encryption types are missing")
		}
		holds = func(n int32) bool {
			for _, m := range list {
				if n == m {
					return true
				}
			}
			return false
		}
	}
	return func(v *View) bool {
		t, ok := v.Tx.(*krb5proto.Transaction)
		return ok && t.HasEncrypted && holds(t.Ticket) != negated
	}, nil
}
