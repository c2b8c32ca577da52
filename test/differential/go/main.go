// The other side of the differential run: etcd's raft, asked over standard input what it makes of scripts and of
// sessions. docs/differential.md says what is asked and answered.
//
// A request is a line "KIND COUNT" and as many lines; an answer is a line "= LENGTH" and as many bytes.
package main

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"go.etcd.io/raft/v3"
)

func main() {
	// etcd's script harness reports to a test, so this program runs as one. What the test framework says must not get
	// among the answers.
	answers := os.Stdout
	os.Stdout = os.Stderr
	rand.Reader = draws
	raft.SetLogger(quiet{})
	serve := func(t *testing.T) {
		if err := answerAll(t, os.Stdin, answers); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		// What the framework would report now are the scripts that ended early, which the answers say already.
		os.Exit(0)
	}
	all := func(string, string) (bool, error) { return true, nil }
	testing.Main(all, []testing.InternalTest{{Name: "serve", F: serve}}, nil, nil)
}

func answerAll(t *testing.T, in io.Reader, out io.Writer) error {
	r := bufio.NewReaderSize(in, 1<<20)
	w := bufio.NewWriterSize(out, 1<<20)
	for {
		kind, lines, err := readRequest(r)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var answer string
		switch kind {
		case "script":
			answer = playScript(t, strings.Join(lines, "\n")+"\n")
		case "session":
			answer = playSession(lines)
		default:
			return fmt.Errorf("unknown request %q", kind)
		}
		fmt.Fprintf(w, "= %d\n%s", len(answer), answer)
		if r.Buffered() == 0 {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
}

func readRequest(r *bufio.Reader) (kind string, lines []string, err error) {
	head, err := readLine(r)
	if err != nil {
		return "", nil, err
	}
	kind, number, _ := strings.Cut(head, " ")
	count, err := strconv.Atoi(number)
	if err != nil {
		return "", nil, err
	}
	lines = make([]string, count)
	for i := range lines {
		if lines[i], err = readLine(r); err != nil {
			return "", nil, fmt.Errorf("a request ends early: %w", err)
		}
	}
	return kind, lines, nil
}

func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	return line[:len(line)-1], nil
}
