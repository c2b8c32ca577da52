// The log and snapshot packages of etcd 3.5, for the tests of raftwal.
package main

import (
	"fmt"

	"go.etcd.io/etcd/raft/v3/raftpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	"go.etcd.io/etcd/server/v3/wal"
	"go.etcd.io/etcd/server/v3/wal/walpb"
	"go.uber.org/zap"

	"raftwal/common"
)

type release struct{}

func (release) Read(dir string, index, term uint64) (out common.Log) {
	at := walpb.Snapshot{Index: index, Term: term}
	_, err := wal.Verify(zap.NewNop(), dir, at)
	out.Verify = common.Text(err)
	marks, err := wal.ValidSnapshotEntries(zap.NewNop(), dir)
	if out.Error = common.Text(err); err != nil {
		return out
	}
	for _, m := range marks {
		var voters []uint64
		if m.ConfState != nil {
			voters = m.ConfState.Voters
		}
		out.Marks = append(out.Marks, fmt.Sprintf("%d/%d %v", m.Index, m.Term, voters))
	}
	w, err := wal.Open(zap.NewNop(), dir, at)
	if out.Error = common.Text(err); err != nil {
		return out
	}
	defer w.Close()
	metadata, state, entries, err := w.ReadAll()
	out.Error, out.Metadata = common.Text(err), common.Hex(metadata)
	out.Term, out.Vote, out.Commit = state.Term, state.Vote, state.Commit
	for _, e := range entries {
		out.Entries = append(out.Entries, common.Entry{Index: e.Index, Term: e.Term, Type: int32(e.Type), Data: common.Hex(e.Data)})
	}
	return out
}

func save(w *wal.WAL, from, to, term uint64) error {
	var entries []raftpb.Entry
	for i := from; i <= to; i++ {
		entries = append(entries, raftpb.Entry{Term: term, Index: i, Data: []byte(fmt.Sprintf("entry %d", i))})
	}
	return w.Save(raftpb.HardState{Term: term, Vote: 1, Commit: from - 1}, entries)
}

func (release) Append(dir string, from, to, term uint64) error {
	w, err := wal.Open(zap.NewNop(), dir, walpb.Snapshot{})
	if err != nil {
		return err
	}
	defer w.Close()
	if _, _, _, err = w.ReadAll(); err != nil {
		return err
	}
	return save(w, from, to, term)
}

func (release) Create(dir string, metadata []byte, segmentSize int64, from, to, term uint64) error {
	wal.SegmentSizeBytes = segmentSize
	w, err := wal.Create(zap.NewNop(), dir, metadata)
	if err != nil {
		return err
	}
	defer w.Close()
	for i := from; i <= to; i++ {
		if err = save(w, i, i, term); err != nil {
			return err
		}
	}
	return nil
}

func (release) Hold(dir string) (func(), error) {
	w, err := wal.Open(zap.NewNop(), dir, walpb.Snapshot{})
	if err != nil {
		return nil, err
	}
	return func() { w.Close() }, nil
}

func (release) Load(dir string) (out common.Snapshot) {
	s, err := snap.New(zap.NewNop(), dir).Load()
	out.Error = common.Text(err)
	if s != nil {
		m := s.Metadata
		out.Index, out.Term, out.Data, out.Voters = m.Index, m.Term, common.Hex(s.Data), m.ConfState.Voters
	}
	return out
}

func (release) Save(dir string, index, term uint64, data []byte) error {
	return snap.New(zap.NewNop(), dir).SaveSnap(raftpb.Snapshot{Data: data, Metadata: raftpb.SnapshotMetadata{
		Index: index, Term: term, ConfState: raftpb.ConfState{Voters: []uint64{1, 2, 3}},
	}})
}

func main() { common.Run(release{}) }
