package event

// KindSSH is a finished SSH session's clear part.
const KindSSH Kind = "ssh"

// Fields of SSH; ECS has none for it.
const (
	SSHClientProto       = "fengsui.ssh.client.proto_version"
	SSHClientSoftware    = "fengsui.ssh.client.software_version"
	SSHClientComments    = "fengsui.ssh.client.comments"
	SSHClientHASSH       = "fengsui.ssh.client.hassh.hash"
	SSHClientHASSHString = "fengsui.ssh.client.hassh.string"
	SSHServerProto       = "fengsui.ssh.server.proto_version"
	SSHServerSoftware    = "fengsui.ssh.server.software_version"
	SSHServerComments    = "fengsui.ssh.server.comments"
	SSHServerHASSH       = "fengsui.ssh.server.hassh.hash"
	SSHServerHASSHString = "fengsui.ssh.server.hassh.string"
	SSHServerHostKeys    = "fengsui.ssh.server.host_key_algorithms"
	SSHEstablished       = "fengsui.ssh.established"
)
