package signature

import "fengsui/analyze/signature/rule"

// valueRule says whether a keyword has a value.
type valueRule uint8

const (
	valueOptional valueRule = iota
	valueNeeded
	valueNone
)

// keyword is how one option is compiled.
type keyword struct {
	value valueRule
	parse func(b *builder, o rule.Option) error
	// addressOK: the keyword may stand in a rule that is judged once per flow.
	addressOK bool
}

// buildKeywords lists every option but sticky buffers and transforms, by family.
func buildKeywords() map[string]keyword {
	m := map[string]keyword{}
	for _, family := range []map[string]keyword{
		metaKeywords(), contentKeywords(), flowKeywords(), packetKeywords(), byteKeywords(), stateKeywords(), thresholdKeywords(),
		txKeywords(), dataKeywords(), eventKeywords(), fileKeywords(),
	} {
		for name, k := range family {
			m[name] = k
		}
	}
	for name, target := range legacyModifiers {
		m[name] = keyword{value: valueNone, parse: legacyModifier(target)}
	}
	return m
}
