// Package common is what the three programs share: commands in, one line of JSON out.
package common

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
)

// Entry is one position of a log.
type Entry struct {
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
	Type  int32  `json:"type"`
	Data  string `json:"data"`
}

// Log is what etcd reads of a log folder.
type Log struct {
	Error    string   `json:"error"`
	Metadata string   `json:"metadata"`
	Term     uint64   `json:"term"`
	Vote     uint64   `json:"vote"`
	Commit   uint64   `json:"commit"`
	Entries  []Entry  `json:"entries"`
	Marks    []string `json:"marks"`
	Verify   string   `json:"verify"`
}

// Snapshot is what etcd loads from a snapshot folder.
type Snapshot struct {
	Error  string   `json:"error"`
	Index  uint64   `json:"index"`
	Term   uint64   `json:"term"`
	Data   string   `json:"data"`
	Voters []uint64 `json:"voters"`
}

// Release is one release of etcd.
type Release interface {
	// Read opens a log for writing at a snapshot and reads it all.
	Read(dir string, index, term uint64) Log
	// Append opens a log, saves entries of these indexes with the commit below the first, and closes it.
	Append(dir string, from, to, term uint64) error
	// Create makes a log with this metadata and a file size, and saves the same.
	Create(dir string, metadata []byte, segmentSize int64, from, to, term uint64) error
	// Hold opens a log for writing; what it returns closes it.
	Hold(dir string) (func(), error)
	// Load loads the newest snapshot.
	Load(dir string) Snapshot
	// Save saves a snapshot.
	Save(dir string, index, term uint64, data []byte) error
}

// Hex writes bytes as text.
func Hex(b []byte) string { return hex.EncodeToString(b) }

// Text is an error's text, empty without one.
func Text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func number(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func answer(v any) {
	if err := json.NewEncoder(os.Stdout).Encode(v); err != nil {
		panic(err)
	}
}

// Run carries out the command of the command line.
func Run(r Release) {
	a := os.Args[1:]
	switch a[0] {
	case "read":
		answer(r.Read(a[1], number(a[2]), number(a[3])))
	case "append":
		answer(map[string]string{"error": Text(r.Append(a[1], number(a[2]), number(a[3]), number(a[4])))})
	case "create":
		metadata, _ := hex.DecodeString(a[2])
		err := r.Create(a[1], metadata, int64(number(a[3])), number(a[4]), number(a[5]), number(a[6]))
		answer(map[string]string{"error": Text(err)})
	case "hold":
		release, err := r.Hold(a[1])
		answer(map[string]string{"error": Text(err)})
		if err != nil {
			return
		}
		_, _ = io.ReadAll(os.Stdin)
		release()
	case "load":
		answer(r.Load(a[1]))
	case "save":
		data, _ := hex.DecodeString(a[4])
		answer(map[string]string{"error": Text(r.Save(a[1], number(a[2]), number(a[3]), data))})
	default:
		fmt.Fprintln(os.Stderr, "unknown command", a[0])
		os.Exit(2)
	}
}
