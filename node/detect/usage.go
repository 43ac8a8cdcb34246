package detect

const usage = `usage: fengsui detect --rules FILE… (--pcap FILE… | --interface NAME) [options]

Judges traffic by Suricata rules: captures, or an interface until Ctrl-C. Alerts go to standard output, a summary to standard error.

  fengsui detect --rules local.rules --pcap traffic.pcap
  fengsui detect --rules etopen.tar.gz --pcap a.pcap --pcap dir/ --json > alerts.json
  fengsui detect --rules etopen.tar.gz --interface eth1 --eve eve.json --stats 60

traffic
  --pcap FILE                  pcap or pcapng, plain or packed by gzip, zstd or lz4; a directory of them; - is standard input; repeatable
  --interface NAME             capture live until Ctrl-C (needs the right to capture: root or CAP_NET_RAW)
  --filter EXPR                only packets that match, as tcpdump writes it: 'tcp port 80 and not host 10.0.0.1'
  --workers N                  packet threads; default 1
  --unordered                  workers do not wait for each other at thresholds of hosts: faster, the alerts a threshold lets pass may differ from run to run
  --checksum-validation=false  use packets whose checksum is wrong (captures taken on the sending host)
  --midstream                  follow TCP sessions whose start is missing
  --async-oneside              follow TCP sessions of which one direction is missing

rules
  --rules FILE                 rule file, folder of *.rules, or .tar.gz of them; repeatable; read again on SIGHUP while packets flow
  --refused                    list every refused rule, not only the table by keyword
  --home-net LIST              default [192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]
  --external-net LIST          default !$HOME_NET
  --var NAME=VALUE             set a rule variable; repeatable
  --vars FILE                  rule variables, a line each: "NAME: VALUE"; # begins a comment; --var wins over it
  --threshold-file FILE        Suricata threshold.config
  --state-dir DIR              where data sets of rules (dataset with save or state) are kept from run to run
  --reputation-categories FILE iprep categories: id,name,text
  --indicators FILE            addresses, domains, URLs, file digests, fingerprints that alert, one a line; repeatable
  --yara FILE                  YARA rules for files that are carried (builds with the tag yara); repeatable
  --reputation FILE            iprep list: address or network,category id,score; repeatable

output
  --json                       one EVE alert object a line on standard output instead of text
  --eve FILE                   write EVE JSON, all event types; - is standard output, which then carries nothing else; rules are optional
  --eve-types LIST             only these types, such as alert,flow,dns; "decode" (malformed packets) must be asked for
  --eve-payload                alerts in EVE carry the payload as text and base64
  --eve-packet                 alerts in EVE carry the packet
  --evidence DIR               for each alert a pcapng of its flow, named by the alert's id
  --extract DIR                keep the files that were carried, named by their SHA-256; at most 2 GiB, the oldest go first
  --stats SECONDS              say every so often how it goes
  --top N                      rules listed in the summary; default 10

Exit code: 0 done, 1 something could not be read, written or run, 2 wrong usage. A refused rule is no failure: it is listed.
`
