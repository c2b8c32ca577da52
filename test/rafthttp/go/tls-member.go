// Command tls-member is member 2 of a cluster of two behind etcd's TLS: it answers every message of member 1 with a MsgAppResp of the same index.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/etcdserver/api/rafthttp"
	stats "go.etcd.io/etcd/server/v3/etcdserver/api/v2stats"
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
)

func ptr[T any](v T) *T { return &v }

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type echo struct{ transport *rafthttp.Transport }

func (e *echo) Process(_ context.Context, m *pb.Message) error {
	e.transport.Send([]*pb.Message{{
		Type: ptr(pb.MsgAppResp), From: ptr(uint64(2)), To: ptr(uint64(1)), Term: ptr(uint64(1)), Index: ptr(m.GetIndex()),
	}})
	return nil
}
func (e *echo) IsIDRemoved(uint64) bool                        { return false }
func (e *echo) ReportUnreachable(uint64)                       {}
func (e *echo) ReportSnapshot(_ uint64, _ raft.SnapshotStatus) {}

func main() {
	peer := flag.String("peer", "", "URL of member 1")
	cert := flag.String("cert", "", "")
	key := flag.String("key", "", "")
	ca := flag.String("ca", "", "")
	crl := flag.String("crl", "", "")
	flag.Parse()
	tls := transport.TLSInfo{CertFile: *cert, KeyFile: *key, TrustedCAFile: *ca, CRLFile: *crl, ClientCertAuth: true, Logger: zap.NewNop()}
	e := &echo{}
	e.transport = &rafthttp.Transport{
		Logger: zap.NewNop(), ID: types.ID(2), ClusterID: 0x1000, Raft: e, TLSInfo: tls,
		ServerStats: stats.NewServerStats("2", "2"), LeaderStats: stats.NewLeaderStats(zap.NewNop(), "2"), ErrorC: make(chan error, 1),
	}
	check(e.transport.Start())
	where, err := url.Parse("https://127.0.0.1:0")
	check(err)
	ln, err := rafthttp.NewListener(*where, &tls)
	check(err)
	go func() { _ = http.Serve(ln, e.transport.Handler()) }()
	e.transport.AddPeer(1, []string{*peer})
	fmt.Printf("https://%s\n", ln.Addr())
	_, _ = os.Stdin.Read(make([]byte, 1)) // until its parent closes it
}
