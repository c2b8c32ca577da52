package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/rafttest"
)

// playScript has etcd's interaction environment carry out a script. The answer has a block for each directive: a line
// "#", what it printed, and a newline; then how the script ended.
func playScript(t *testing.T, script string) string {
	*draws = byteSource{}
	env := rafttest.NewInteractionEnv(&rafttest.InteractionOpts{
		SetRandomizedElectionTimeout: func(node *raft.RawNode, timeout int) {
			*(*int)(inside(node).at(fieldRandomizedElectionTimeout)) = timeout
		},
	})
	var out strings.Builder
	end := "fatal\n"
	t.Run("script", func(t *testing.T) {
		defer func() {
			if reason := recover(); reason != nil {
				end = fmt.Sprintf("panic: %v\n", reason)
			}
		}()
		datadriven.RunTestFromString(t, script, func(t *testing.T, d *datadriven.TestData) string {
			output := env.Handle(t, *d)
			out.WriteString("#\n")
			out.WriteString(evenlySpaced(output))
			out.WriteByte('\n')
			// The comparison is the other side's.
			return d.Expected
		})
		end = "end\n"
	})
	return out.String() + end
}
