module interop/common

go 1.26.0
