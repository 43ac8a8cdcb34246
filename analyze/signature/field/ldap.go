package field

import (
	"fengsui/capture/flow"
	ldapproto "fengsui/capture/proto/ldap"
)

// ldapRequest returns the request of a transaction, nil when it was not seen.
func ldapRequest(v *View) *ldapproto.Request {
	if t, ok := v.Tx.(*ldapproto.Transaction); ok {
		return t.Request
	}
	return nil
}

func ldapResponses(v *View) []ldapproto.Response {
	if t, ok := v.Tx.(*ldapproto.Transaction); ok {
		return t.Responses
	}
	return nil
}

// ldapPerResponse makes a buffer with a value for each response, empty where it has none.
func ldapPerResponse(name string, get func(r *ldapproto.Response) []byte) Buffer {
	return Buffer{
		Names: []string{name}, Dirs: ToClient, Need: After(ldapproto.Done), Multi: true,
		Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			list := ldapResponses(v)
			if i >= len(list) {
				return nil, false
			}
			return get(&list[i]), true
		},
	}
}

// ldapPlace finds item i of the lists that responses hold, each of a length.
func ldapPlace(list []ldapproto.Response, i int, size func(r *ldapproto.Response) int) (r *ldapproto.Response, at int) {
	for k := range list {
		n := size(&list[k])
		if i < n {
			return &list[k], i
		}
		i -= n
	}
	return nil, 0
}

// joined writes "type=value".
func joined(scratch []byte, a *ldapproto.Attribute) []byte {
	return append(append(append(scratch, a.Type...), '='), a.Value...)
}

func ldapBuffers() []Buffer {
	return []Buffer{
		{
			Names: []string{"ldap.request.dn"}, Dirs: ToServer, Need: After(ldapproto.Done),
			Get: func(v *View, _ int, _ []byte) ([]byte, bool) {
				q := ldapRequest(v)
				if q == nil || !q.HasDN {
					return nil, false
				}
				return q.DN, true
			},
		},
		{
			Names: []string{"ldap.request.attribute_type"}, Dirs: ToServer, Need: After(ldapproto.Done), Multi: true,
			Get: func(v *View, i int, _ []byte) ([]byte, bool) {
				q := ldapRequest(v)
				if q == nil || i >= len(q.Types) {
					return nil, false
				}
				return q.Types[i], true
			},
		},
		{
			Names: []string{"ldap.request.attributes"}, Dirs: ToServer, Need: After(ldapproto.Done), Multi: true,
			Get: func(v *View, i int, scratch []byte) ([]byte, bool) {
				q := ldapRequest(v)
				if q == nil || i >= len(q.Attributes) {
					return nil, false
				}
				return joined(scratch, &q.Attributes[i]), true
			},
		},
		ldapPerResponse("ldap.responses.dn", func(r *ldapproto.Response) []byte { return r.DN }),
		ldapPerResponse("ldap.responses.message", func(r *ldapproto.Response) []byte { return r.Message }),
		{
			Names: []string{"ldap.responses.attribute_type"}, Dirs: ToClient, Need: After(ldapproto.Done), Multi: true,
			Get: func(v *View, i int, _ []byte) ([]byte, bool) {
				r, at := ldapPlace(ldapResponses(v), i, func(r *ldapproto.Response) int { return len(r.Types) })
				if r == nil {
					return nil, false
				}
				return r.Types[at], true
			},
		},
		{
			Names: []string{"ldap.responses.attributes"}, Dirs: ToClient, Need: After(ldapproto.Done), Multi: true,
			Get: func(v *View, i int, scratch []byte) ([]byte, bool) {
				r, at := ldapPlace(ldapResponses(v), i, func(r *ldapproto.Response) int { return len(r.Attributes) })
				if r == nil {
					return nil, false
				}
				return joined(scratch, &r.Attributes[at]), true
			},
		},
	}
}

// ldap is the table of LDAP.
func ldap() Protocol {
	return Protocol{
		App: flow.AppLDAP, Buffers: ldapBuffers(), Events: ldapproto.Anomalies,
		Numbers: []Number{
			{
				Names: []string{"ldap.request.operation"}, Dirs: ToServer, Need: After(ldapproto.Done), Max: 255, Words: ldapproto.Operations,
				Get: func(v *View, i int) (uint64, bool) {
					q := ldapRequest(v)
					if q == nil || i > 0 {
						return 0, false
					}
					return uint64(q.Op), true
				},
			},
			{
				Names: []string{"ldap.responses.operation"}, Dirs: ToClient, Need: After(ldapproto.Done), Max: 255, Words: ldapproto.Operations,
				Get: func(v *View, i int) (uint64, bool) {
					list := ldapResponses(v)
					if i >= len(list) {
						return 0, false
					}
					return uint64(list[i].Op), true
				},
			},
			{
				Names: []string{"ldap.responses.count"}, Dirs: ToClient, Need: After(ldapproto.Done), Max: 1<<32 - 1,
				Get: func(v *View, i int) (uint64, bool) {
					t, ok := v.Tx.(*ldapproto.Transaction)
					if !ok || i > 0 {
						return 0, false
					}
					return t.Count, true
				},
			},
			{
				Names: []string{"ldap.responses.result_code"}, Dirs: ToClient, Need: After(ldapproto.Done), Max: 1<<32 - 1, Words: ldapproto.Results,
				Get: func(v *View, i int) (uint64, bool) { // places are those among the responses that have a result
					r, _ := ldapPlace(ldapResponses(v), i, func(r *ldapproto.Response) int {
						if r.HasResult {
							return 1
						}
						return 0
					})
					if r == nil {
						return 0, false
					}
					return uint64(r.Result), true
				},
			},
		},
	}
}
