package main

import (
	"io"
	"log"

	"go.etcd.io/etcd/raft/v3/raftpb"
)

var quiet = log.New(io.Discard, "", 0)

// SnapshotWithoutData leaves the body out: it travels beside the message.
func SnapshotWithoutData(s raftpb.Snapshot) raftpb.Snapshot {
	return raftpb.Snapshot{Metadata: s.Metadata}
}
