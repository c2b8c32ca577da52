// A member with raft, transport and log of etcd 3.6, for the tests of interoperation. Under 3.5 the same source is built with that release's
// import paths.
package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/etcdserver/api/rafthttp"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	stats "go.etcd.io/etcd/server/v3/etcdserver/api/v2stats"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"

	"interop/common"
)

const tick = 100 * time.Millisecond

type member struct {
	options   common.Options
	machine   *common.Machine
	node      raft.Node
	memory    *raft.MemoryStorage
	wal       *wal.WAL
	snaps     *snap.Snapshotter
	transport *rafthttp.Transport
	lead      atomic.Uint64
	confState raftpb.ConfState
	saved     uint64 // index of the newest snapshot
}

func (m *member) Process(ctx context.Context, msg raftpb.Message) error { return m.node.Step(ctx, msg) }
func (m *member) IsIDRemoved(uint64) bool                               { return false }
func (m *member) ReportUnreachable(id uint64)                           { m.node.ReportUnreachable(id) }
func (m *member) ReportSnapshot(id uint64, status raft.SnapshotStatus) {
	m.node.ReportSnapshot(id, status)
}

func (m *member) Propose(text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return m.node.Propose(ctx, []byte(text))
}

func (m *member) Transfer(to uint64) {
	m.node.TransferLeadership(context.Background(), m.lead.Load(), to)
}
func (m *member) Lead() uint64 { return m.lead.Load() }

// open the log, and read what an earlier process has left; returns whether there was any.
func (m *member) open() bool {
	lg := zap.NewNop()
	logDir, snapDir := filepath.Join(m.options.Data, "wal"), filepath.Join(m.options.Data, "snap")
	common.Check(os.MkdirAll(snapDir, 0o700))
	m.snaps = snap.New(lg, snapDir)
	m.memory = raft.NewMemoryStorage()
	var err error
	if !wal.Exist(logDir) {
		m.wal, err = wal.Create(lg, logDir, nil)
		common.Check(err)
		return false
	}
	marks, err := wal.ValidSnapshotEntries(lg, logDir)
	common.Check(err)
	var at walpb.Snapshot
	if found, err := m.snaps.LoadNewestAvailable(marks); err == nil {
		common.Check(m.memory.ApplySnapshot(*found))
		m.install(*found)
		at = walpb.Snapshot{Index: found.Metadata.Index, Term: found.Metadata.Term}
	}
	for repaired := false; ; repaired = true {
		m.wal, err = wal.Open(lg, logDir, at)
		common.Check(err)
		_, state, entries, err := m.wal.ReadAll()
		if err == nil {
			common.Check(m.memory.SetHardState(state))
			common.Check(m.memory.Append(entries))
			return true
		}
		m.wal.Close()
		if repaired || !wal.Repair(lg, logDir) {
			common.Check(err)
		}
	}
}

func (m *member) start() {
	o := m.options
	restarted := m.open()
	config := &raft.Config{
		ID: o.ID, ElectionTick: 10, HeartbeatTick: 1, Storage: m.memory, Applied: m.machine.Applied(), MaxSizePerMsg: 1 << 20,
		MaxInflightMsgs: 256, PreVote: true, CheckQuorum: true, Logger: &raft.DefaultLogger{Logger: quiet},
	}
	if restarted {
		m.node = raft.RestartNode(config)
	} else {
		var peers []raft.Peer
		for _, id := range o.IDs() {
			peers = append(peers, raft.Peer{ID: id})
		}
		m.node = raft.StartNode(config, peers)
	}
	name := types.ID(o.ID).String()
	tls := transport.TLSInfo{Logger: zap.NewNop()}
	if o.Cert != "" {
		tls = transport.TLSInfo{CertFile: o.Cert, KeyFile: o.Key, TrustedCAFile: o.CA, ClientCertAuth: true, Logger: zap.NewNop()}
	}
	m.transport = &rafthttp.Transport{
		Logger: zap.NewNop(), ID: types.ID(o.ID), ClusterID: types.ID(o.ClusterID), Raft: m, Snapshotter: m.snaps, TLSInfo: tls,
		ServerStats: stats.NewServerStats(name, name), LeaderStats: stats.NewLeaderStats(zap.NewNop(), name), ErrorC: make(chan error, 1),
	}
	common.Check(m.transport.Start())
	where, err := url.Parse(o.Peers[o.ID])
	common.Check(err)
	where.Host = o.Listen
	var listener net.Listener
	listener, err = rafthttp.NewListener(*where, &tls)
	common.Check(err)
	go func() { common.Check(http.Serve(listener, m.transport.Handler())) }()
	for id, peerURL := range o.Peers {
		if id != o.ID {
			m.transport.AddPeer(types.ID(id), []string{peerURL})
		}
	}
	go m.loop()
}

func (m *member) loop() {
	ticker := time.NewTicker(tick)
	for {
		select {
		case <-ticker.C:
			m.node.Tick()
		case rd := <-m.node.Ready():
			m.handle(rd)
			m.node.Advance()
		case err := <-m.transport.ErrorC:
			common.Check(err)
		}
	}
}

func (m *member) handle(rd raft.Ready) {
	if rd.SoftState != nil {
		m.lead.Store(rd.SoftState.Lead)
	}
	if !raft.IsEmptySnap(rd.Snapshot) {
		m.receive(&rd.Snapshot)
		m.keep(rd.Snapshot)
		common.Check(m.memory.ApplySnapshot(rd.Snapshot))
		m.install(rd.Snapshot)
	}
	common.Check(m.wal.Save(rd.HardState, rd.Entries))
	if !raft.IsEmptyHardState(rd.HardState) {
		common.Check(m.memory.SetHardState(rd.HardState))
	}
	common.Check(m.memory.Append(rd.Entries))
	m.send(rd.Messages)
	for _, e := range rd.CommittedEntries {
		text := e.Data
		if e.Type == raftpb.EntryConfChange {
			var change raftpb.ConfChange
			common.Check(change.Unmarshal(e.Data))
			m.confState = *m.node.ApplyConfChange(change)
			text = nil
		}
		m.machine.Apply(e.Index, text)
	}
	if applied := m.machine.Applied(); applied-m.saved >= m.options.SnapshotEvery {
		taken, err := m.memory.CreateSnapshot(applied, &m.confState, m.machine.Snapshot())
		common.Check(err)
		m.keep(taken)
		m.saved = applied
		common.Check(m.memory.Compact(applied - m.options.Keep))
	}
}

// receive fills in what was streamed beside its message.
func (m *member) receive(s *raftpb.Snapshot) {
	m.machine.Received(len(s.Data) == 0)
	if len(s.Data) > 0 {
		return
	}
	path, err := m.snaps.DBFilePath(s.Metadata.Index)
	common.Check(err)
	s.Data, err = os.ReadFile(path)
	common.Check(err)
}

func (m *member) keep(s raftpb.Snapshot) {
	common.Check(m.snaps.SaveSnap(s))
	common.Check(m.wal.SaveSnapshot(walpb.Snapshot{Index: s.Metadata.Index, Term: s.Metadata.Term, ConfState: &s.Metadata.ConfState}))
	common.Check(m.wal.ReleaseLockTo(s.Metadata.Index))
}

func (m *member) install(s raftpb.Snapshot) {
	m.machine.Restore(s.Metadata.Index, s.Data)
	m.confState, m.saved = s.Metadata.ConfState, s.Metadata.Index
}

func (m *member) send(messages []raftpb.Message) {
	if !m.options.Stream {
		m.transport.Send(messages)
		return
	}
	var rest []raftpb.Message
	for _, msg := range messages {
		if msg.Type != raftpb.MsgSnap {
			rest = append(rest, msg)
			continue
		}
		data := msg.Snapshot.Data
		msg.Snapshot = SnapshotWithoutData(msg.Snapshot)
		m.transport.SendSnapshot(*snap.NewMessage(msg, io.NopCloser(bytes.NewReader(data)), int64(len(data))))
	}
	m.transport.Send(rest)
}

func main() {
	m := &member{options: common.Parse(), machine: common.NewMachine()}
	m.start()
	common.Serve(m, m.machine)
}
