// The etcd server of release 3.6.16, unchanged, for clusters of it and voters of ours.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
