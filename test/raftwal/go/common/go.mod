module raftwal/common

go 1.26.0
