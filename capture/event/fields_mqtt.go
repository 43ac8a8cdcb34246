package event

// Fields of MQTT exchanges (package capture/proto/mqtt). The user's name is user.name of ECS; passwords are never written.
const (
	MQTTVersion         = "fengsui.mqtt.version"  // protocol level of the session: 3 is 3.1, 4 is 3.1.1, 5 is 5.0
	MQTTMessages        = "fengsui.mqtt.messages" // types of the exchange's messages in their order
	MQTTMessageID       = "fengsui.mqtt.message_id"
	MQTTQoS             = "fengsui.mqtt.qos"
	MQTTDup             = "fengsui.mqtt.dup"
	MQTTRetain          = "fengsui.mqtt.retain"
	MQTTClientID        = "fengsui.mqtt.client_id"
	MQTTProtocol        = "fengsui.mqtt.protocol_string"
	MQTTConnectFlags    = "fengsui.mqtt.connect_flags"
	MQTTKeepAlive       = "fengsui.mqtt.keep_alive" // seconds
	MQTTPasswordSet     = "fengsui.mqtt.password_set"
	MQTTWillTopic       = "fengsui.mqtt.will.topic"
	MQTTWillMessage     = "fengsui.mqtt.will.message"
	MQTTSessionPresent  = "fengsui.mqtt.session_present"
	MQTTReasonCodes     = "fengsui.mqtt.reason_codes"
	MQTTTopics          = "fengsui.mqtt.topics" // published to, subscribed to or unsubscribed from
	MQTTPayload         = "fengsui.mqtt.payload"
	MQTTPayloadBytes    = "fengsui.mqtt.payload_bytes"
	MQTTUserProperties  = "fengsui.mqtt.user_properties" // name=value
	MQTTReasonString    = "fengsui.mqtt.reason_string"
	MQTTServerReference = "fengsui.mqtt.server_reference"
	MQTTAuthMethod      = "fengsui.mqtt.auth_method"
)
