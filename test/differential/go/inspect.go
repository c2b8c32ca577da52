package main

import (
	"cmp"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

// offset says where a field lies in the structs that raft does not show, of which only the fields' names are known.
func offset(t reflect.Type, name string) uintptr { return field(t, name).Offset }

func field(t reflect.Type, name string) reflect.StructField {
	f, ok := t.FieldByName(name)
	if !ok {
		panic(t.String() + " has no field " + name)
	}
	return f
}

var (
	fieldRaft    = field(reflect.TypeFor[raft.RawNode](), "raft")
	typeRaft     = fieldRaft.Type.Elem()
	typeLog      = field(typeRaft, "raftLog").Type.Elem()
	typeUnstable = field(typeLog, "unstable").Type
	typeReadOnly = field(typeRaft, "readOnly").Type.Elem()
	typeInflight = reflect.TypeFor[tracker.Inflights]()

	fieldTerm                      = offset(typeRaft, "Term")
	fieldVote                      = offset(typeRaft, "Vote")
	fieldState                     = offset(typeRaft, "state")
	fieldLead                      = offset(typeRaft, "lead")
	fieldIsLearner                 = offset(typeRaft, "isLearner")
	fieldTransferee                = offset(typeRaft, "leadTransferee")
	fieldElectionElapsed           = offset(typeRaft, "electionElapsed")
	fieldHeartbeatElapsed          = offset(typeRaft, "heartbeatElapsed")
	fieldRandomizedElectionTimeout = offset(typeRaft, "randomizedElectionTimeout")
	fieldPendingConfIndex          = offset(typeRaft, "pendingConfIndex")
	fieldUncommittedSize           = offset(typeRaft, "uncommittedSize")
	fieldMsgs                      = offset(typeRaft, "msgs")
	fieldMsgsAfterAppend           = offset(typeRaft, "msgsAfterAppend")
	fieldReadStates                = offset(typeRaft, "readStates")
	fieldPendingReads              = offset(typeRaft, "pendingReadIndexMessages")
	fieldTracker                   = offset(typeRaft, "trk")
	fieldLog                       = offset(typeRaft, "raftLog")
	fieldReadOnly                  = offset(typeRaft, "readOnly")

	fieldCommitted     = offset(typeLog, "committed")
	fieldApplying      = offset(typeLog, "applying")
	fieldApplied       = offset(typeLog, "applied")
	fieldApplyingSize  = offset(typeLog, "applyingEntsSize")
	fieldApplyingPause = offset(typeLog, "applyingEntsPaused")
	fieldUnstable      = offset(typeLog, "unstable")

	fieldSnapshot           = offset(typeUnstable, "snapshot")
	fieldEntries            = offset(typeUnstable, "entries")
	fieldOffset             = offset(typeUnstable, "offset")
	fieldSnapshotInProgress = offset(typeUnstable, "snapshotInProgress")
	fieldOffsetInProgress   = offset(typeUnstable, "offsetInProgress")

	fieldAcks        = offset(typeReadOnly, "acks")
	fieldConfirmed   = offset(typeReadOnly, "confirmedReads")
	fieldUnconfirmed = offset(typeReadOnly, "unconfirmedReads")

	fieldSentCommit = offset(reflect.TypeFor[tracker.Progress](), "sentCommit")
	fieldStart      = offset(typeInflight, "start")
	fieldCount      = offset(typeInflight, "count")
	fieldSize       = offset(typeInflight, "size")
	fieldBuffer     = offset(typeInflight, "buffer")
)

// view is a struct of raft that is read field by field.
type view struct{ p unsafe.Pointer }

func inside(node *raft.RawNode) view { return view{unsafe.Pointer(node)}.follow(fieldRaft.Offset) }

func (v view) at(offset uintptr) unsafe.Pointer { return unsafe.Add(v.p, offset) }
func (v view) follow(offset uintptr) view       { return view{*(*unsafe.Pointer)(v.at(offset))} }
func (v view) u(offset uintptr) uint64          { return *(*uint64)(v.at(offset)) }
func (v view) b(offset uintptr) bool            { return *(*bool)(v.at(offset)) }

// length is that of a slice, whatever it holds.
func (v view) length(offset uintptr) uint64 {
	return uint64(len(*(*[]unsafe.Pointer)(v.at(offset))))
}

// text is a line that is written piece by piece.
type text []byte

func (t *text) s(s string) { *t = append(*t, s...) }

func (t *text) u(label string, values ...uint64) {
	t.s(label)
	for i, value := range values {
		if i > 0 {
			*t = append(*t, '/')
		}
		*t = strconv.AppendUint(*t, value, 10)
	}
}

func (t *text) flag(mark byte, set bool) {
	if set {
		*t = append(*t, mark)
	}
}

// dump is all that a member knows, except the entries themselves, in one line.
func dump(node *raft.RawNode, storage *raft.MemoryStorage) string {
	r := inside(node)
	log := r.follow(fieldLog)
	first, _ := storage.FirstIndex()
	last, _ := storage.LastIndex()
	t := make(text, 0, 512)
	t.u("T", r.u(fieldTerm), r.u(fieldVote))
	t.u(" C", log.u(fieldCommitted), log.u(fieldApplying), log.u(fieldApplied))
	t.u(" L", r.u(fieldLead), r.u(fieldState))
	t.flag('l', r.b(fieldIsLearner))
	t.u(" X", r.u(fieldTransferee))
	t.u(" E", r.u(fieldElectionElapsed), r.u(fieldHeartbeatElapsed), r.u(fieldRandomizedElectionTimeout))
	t.u(" P", r.u(fieldPendingConfIndex), r.u(fieldUncommittedSize), log.u(fieldApplyingSize))
	t.flag('p', log.b(fieldApplyingPause))
	t.u(" S", first, last)
	dumpUnstable(&t, view{log.at(fieldUnstable)})
	t.u(" M", r.length(fieldMsgs), r.length(fieldMsgsAfterAppend), r.length(fieldReadStates))
	t.flag('h', node.HasReady())
	dumpReads(&t, r.follow(fieldReadOnly), r.length(fieldPendingReads))
	dumpTracker(&t, (*tracker.ProgressTracker)(r.at(fieldTracker)))
	return string(t)
}

func dumpUnstable(t *text, u view) {
	t.u(" U", u.u(fieldOffset), u.u(fieldOffsetInProgress), u.length(fieldEntries))
	if snapshot := *(**pb.Snapshot)(u.at(fieldSnapshot)); snapshot != nil {
		t.u("s", snapshot.GetMetadata().GetIndex())
	}
	t.flag('i', u.b(fieldSnapshotInProgress))
}

func dumpReads(t *text, reads view, pending uint64) {
	t.u(" R", reads.u(fieldConfirmed), reads.length(fieldUnconfirmed), pending)
	acks := *(*map[uint64]uint64)(reads.at(fieldAcks))
	for _, id := range sortedKeys(acks) {
		t.u(",", id, acks[id])
	}
}

func dumpTracker(t *text, trk *tracker.ProgressTracker) {
	t.s(" ")
	t.s(trk.Config.String())
	for _, id := range sortedKeys(trk.Votes) {
		t.u(" v", id)
		t.flag('+', trk.Votes[id])
	}
	for _, id := range sortedKeys(trk.Progress) {
		dumpProgress(t, id, trk.Progress[id])
	}
}

func dumpProgress(t *text, id uint64, pr *tracker.Progress) {
	v := view{unsafe.Pointer(pr)}
	t.u(" ", id)
	t.u(":", pr.Match, pr.Next, v.u(fieldSentCommit), uint64(pr.State), pr.PendingSnapshot)
	t.flag('l', pr.IsLearner)
	t.flag('a', pr.RecentActive)
	t.flag('p', pr.MsgAppFlowPaused)
	in := view{unsafe.Pointer(pr.Inflights)}
	start, count, size := in.u(fieldStart), in.u(fieldCount), in.u(fieldSize)
	buffer := *(*[]struct{ index, bytes uint64 })(in.at(fieldBuffer))
	for i := uint64(0); i < count; i++ {
		flight := buffer[(start+i)%size]
		t.u("~", flight.index, flight.bytes)
	}
}

func sortedKeys[V any](m map[uint64]V) []uint64 {
	if len(m) == 0 {
		return nil
	}
	keys := make([]uint64, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

type progress = tracker.Progress

var progressItem = regexp.MustCompile(`"([0-9a-f]+)":\{"match":\d+,"next":\d+,"state":"\w+"\}`)

// sortedProgress puts the members in a status into ascending order: etcd writes them in the order of a map.
func sortedProgress(status string) string {
	items := progressItem.FindAllString(status, -1)
	if len(items) < 2 {
		return status
	}
	slices.SortFunc(items, func(a, b string) int { return cmp.Compare(progressID(a), progressID(b)) })
	at := progressItem.FindAllStringIndex(status, -1)
	return status[:at[0][0]] + strings.Join(items, ",") + status[at[len(at)-1][1]:]
}

func progressID(item string) uint64 {
	id, _ := strconv.ParseUint(progressItem.FindStringSubmatch(item)[1], 16, 64)
	return id
}
