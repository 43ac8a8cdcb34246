package prefilter

// lowerTable maps ASCII capitals to small letters and every other byte to itself. Never written.
var lowerTable = buildLower()

func buildLower() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if i >= 'A' && i <= 'Z' {
			t[i] |= 0x20
		}
	}
	return t
}

// commonness weighs bytes by how often traffic shows them: 0 is rare. Text and the bytes that fill binary headers weigh most. Never written.
var commonness = buildCommonness()

func buildCommonness() (t [256]uint8) {
	for i := range t {
		switch {
		case i == 0:
			t[i] = 30
		case i == 0xff, i == ' ', i == '\r', i == '\n':
			t[i] = 18
		case i >= '0' && i <= '9':
			t[i] = 12
		case i >= 'a' && i <= 'z':
			t[i] = 10
		case i == '.', i == '/', i == '-', i == '=', i == ':', i == ';', i == ',', i == '"':
			t[i] = 11
		case i < 0x20, i >= 0x80:
			t[i] = 4
		default:
			t[i] = 6
		}
	}
	for i, c := range "etaoinsrhldcum" {
		t[c] = uint8(22 - i)
	}
	return t
}
