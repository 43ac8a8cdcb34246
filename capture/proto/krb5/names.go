package krb5

import "strconv"

// TypeName names a message type as EVE logs do.
func TypeName(n uint32) string {
	switch n {
	case ASRequest:
		return "KRB_AS_REQ"
	case ASReply:
		return "KRB_AS_REP"
	case TGSRequest:
		return "KRB_TGS_REQ"
	case TGSReply:
		return "KRB_TGS_REP"
	case Error:
		return "KRB_ERROR"
	}
	return strconv.Itoa(int(n))
}

// etypes are the names of encryption types (RFC 3961 8, RFC 8009, RFC 6803, RFC 4757). Never written.
var etypes = map[string]int32{
	"des-cbc-crc": 1, "des-cbc-md4": 2, "des-cbc-md5": 3, "des3-cbc-md5": 5, "des3-cbc-sha1": 7, "dsawithsha1-cmsoid": 9,
	"md5withrsaencryption-cmsoid": 10, "sha1withrsaencryption-cmsoid": 11, "rc2cbc-envoid": 12, "rsaencryption-envoid": 13,
	"rsaes-oaep-env-oid": 14, "des-ede3-cbc-env-oid": 15, "des3-cbc-sha1-kd": 16, "aes128-cts-hmac-sha1-96": 17,
	"aes256-cts-hmac-sha1-96": 18, "aes128-cts-hmac-sha256-128": 19, "aes256-cts-hmac-sha384-192": 20, "rc4-hmac": 23,
	"rc4-hmac-exp": 24, "camellia128-cts-cmac": 25, "camellia256-cts-cmac": 26, "subkey-keymaterial": 65, "rc4-md4": -128,
	"rc4-plain2": -129, "rc4-lm": -130, "rc4-sha": -131, "des-plain": -132, "rc4-hmac-old": -133, "rc4-plain-old": -134,
	"rc4-hmac-old-exp": -135, "rc4-plain-old-exp": -136, "rc4-plain": -140, "rc4-plain-exp": -141,
}

// EncryptionByName finds an encryption type by its name in lower case.
func EncryptionByName(name string) (int32, bool) {
	n, ok := etypes[name]
	return n, ok
}

// EncryptionName names an encryption type, its number when it has none here.
func EncryptionName(n int32) string {
	for name, m := range etypes {
		if m == n {
			return name
		}
	}
	return strconv.Itoa(int(n))
}

// Weak tells whether an encryption type is deprecated (RFC 6649, RFC 8429): all but AES and Camellia.
func Weak(n int32) bool { return (n < 17 || n > 20) && n != 25 && n != 26 }

// errorNames are those of RFC 4120 7.5.9 and RFC 4556, by number. Never written.
var errorNames = map[uint32]string{
	0: "KDC_ERR_NONE", 1: "KDC_ERR_NAME_EXP", 2: "KDC_ERR_SERVICE_EXP", 3: "KDC_ERR_BAD_PVNO", 4: "KDC_ERR_C_OLD_MAST_KVNO",
	5: "KDC_ERR_S_OLD_MAST_KVNO", 6: "KDC_ERR_C_PRINCIPAL_UNKNOWN", 7: "KDC_ERR_S_PRINCIPAL_UNKNOWN", 8: "KDC_ERR_PRINCIPAL_NOT_UNIQUE",
	9: "KDC_ERR_NULL_KEY", 10: "KDC_ERR_CANNOT_POSTDATE", 11: "KDC_ERR_NEVER_VALID", 12: "KDC_ERR_POLICY", 13: "KDC_ERR_BADOPTION",
	14: "KDC_ERR_ETYPE_NOSUPP", 15: "KDC_ERR_SUMTYPE_NOSUPP", 16: "KDC_ERR_PADATA_TYPE_NOSUPP", 17: "KDC_ERR_TRTYPE_NOSUPP",
	18: "KDC_ERR_CLIENT_REVOKED", 19: "KDC_ERR_SERVICE_REVOKED", 20: "KDC_ERR_TGT_REVOKED", 21: "KDC_ERR_CLIENT_NOTYET",
	22: "KDC_ERR_SERVICE_NOTYET", 23: "KDC_ERR_KEY_EXPIRED", 24: "KDC_ERR_PREAUTH_FAILED", 25: "KDC_ERR_PREAUTH_REQUIRED",
	26: "KDC_ERR_SERVER_NOMATCH", 27: "KDC_ERR_MUST_USE_USER2USER", 28: "KDC_ERR_PATH_NOT_ACCEPTED", 29: "KDC_ERR_SVC_UNAVAILABLE",
	31: "KRB_AP_ERR_BAD_INTEGRITY", 32: "KRB_AP_ERR_TKT_EXPIRED", 33: "KRB_AP_ERR_TKT_NYV", 34: "KRB_AP_ERR_REPEAT",
	35: "KRB_AP_ERR_NOT_US", 36: "KRB_AP_ERR_BADMATCH", 37: "KRB_AP_ERR_SKEW", 38: "KRB_AP_ERR_BADADDR", 39: "KRB_AP_ERR_BADVERSION",
	40: "KRB_AP_ERR_MSG_TYPE", 41: "KRB_AP_ERR_MODIFIED", 42: "KRB_AP_ERR_BADORDER", 44: "KRB_AP_ERR_BADKEYVER", 45: "KRB_AP_ERR_NOKEY",
	46: "KRB_AP_ERR_MUT_FAIL", 47: "KRB_AP_ERR_BADDIRECTION", 48: "KRB_AP_ERR_METHOD", 49: "KRB_AP_ERR_BADSEQ", 50: "KRB_AP_ERR_INAPP_CKSUM",
	51: "KRB_AP_PATH_NOT_ACCEPTED", 52: "KRB_ERR_RESPONSE_TOO_BIG", 60: "KRB_ERR_GENERIC", 61: "KRB_ERR_FIELD_TOOLONG",
	62: "KDC_ERROR_CLIENT_NOT_TRUSTED", 63: "KDC_ERROR_KDC_NOT_TRUSTED", 64: "KDC_ERROR_INVALID_SIG", 65: "KDC_ERR_KEY_TOO_WEAK",
	66: "KDC_ERR_CERTIFICATE_MISMATCH", 67: "KRB_AP_ERR_NO_TGT", 68: "KDC_ERR_WRONG_REALM", 69: "KRB_AP_ERR_USER_TO_USER_REQUIRED",
	70: "KDC_ERR_CANT_VERIFY_CERTIFICATE", 71: "KDC_ERR_INVALID_CERTIFICATE", 72: "KDC_ERR_REVOKED_CERTIFICATE",
}

// ErrorName names an error code, its number when it has none here.
func ErrorName(n uint32) string {
	if s, ok := errorNames[n]; ok {
		return s
	}
	return strconv.Itoa(int(n))
}
