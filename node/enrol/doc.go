// Package enrol is how a node comes to be: its keys, its certificates, its data directory, and the walk from an empty directory to a member of
// a site.
//
// Three ways lead there, each one command that may be run again after any interruption and goes on where it stopped:
//
//	Create  the topmost site: makes the root, the site's data key, the first node
//	Join    with a token of purpose site: a child site and its first node; waits for the parent's decision
//	Join    with a token of purpose node: a further node of a site; receives the site's secrets
//
// Credentials are what a running node holds of it; Renew issues the node's own certificate anew at two thirds of its life, with the site's key,
// so that a site cut off for a year still renews.
//
// What it does not do: it starts no cluster (member.json tells the composition whether to bootstrap or to join), decides about nobody, and
// never prints a key or a token.
//
// On disk, all 0600 in a directory of 0700, each file written whole or not at all:
//
//	node.key         PKCS#8 of the node, encrypted when a passphrase is given
//	data.key         the site's data key, encrypted (SM2) to the node's key
//	site.key.sealed  the site authority's key, sealed (SM4-GCM) under the data key
//	trust.pem        the root certificate
//	member.json      which site and node this is, whether it is the first, where to find the others and the parent; no secret in it
//	node.crt         the node's certificate, the site's, … without the root; written last: with it the directory is complete
//
// Concurrency: Credentials may be used by any number of goroutines; Create and Join hold the directory's lock.
package enrol
