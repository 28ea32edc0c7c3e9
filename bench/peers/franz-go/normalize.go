package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
)

const (
	framingBytes = 5
	unresolved   = 255
	// More than a row grows by: the bytes of a model's version, nine for each modelled column.
	growthBytes = 128
)

type column struct {
	Mean, Std, Offset, Precision []float64
	Table                        struct {
		Low, CellsPerUnit float64
		Modes             []int
	}
	cells []uint8
	scale []float64
}

type model struct {
	Version                         int64
	RawSchemaID, NormalizedSchemaID uint32
	Columns                         []*column
}

func readModel(file string) *model {
	text, err := os.ReadFile(file)
	fail(err)
	var read model
	fail(json.Unmarshal(text, &read))
	for _, column := range read.Columns {
		for _, mode := range column.Table.Modes {
			column.cells = append(column.cells, uint8(mode))
		}
		for _, std := range column.Std {
			column.scale = append(column.scale, 4*std)
		}
	}
	return &read
}

func (c *column) mode(x float64) uint8 {
	place := min(max((x-c.Table.Low)*c.Table.CellsPerUnit, 0), float64(len(c.cells)-1))
	mode := c.cells[int(place)]
	if mode != unresolved {
		return mode
	}
	best := math.Inf(-1)
	for k, mean := range c.Mean {
		d := x - mean
		// The conversions keep the compiler from fusing what would round otherwise.
		score := c.Offset[k] - float64(0.5*c.Precision[k]*d*d)
		if score > best {
			best, mode = score, uint8(k)
		}
	}
	return mode
}

// A body's bytes that are still to be read, and what has been written.
type cursor struct {
	in, out []byte
}

func (c *cursor) number(column *column, x float64) {
	mode := column.mode(x)
	value := (x - column.Mean[mode]) / column.scale[mode]
	c.out = binary.LittleEndian.AppendUint64(c.out, math.Float64bits(value))
	// At most 63 modes: their zigzag numbers take a byte.
	c.out = append(c.out, mode<<1)
}

func (c *cursor) double(column *column) {
	x := math.Float64frombits(binary.LittleEndian.Uint64(c.in))
	c.in = c.in[8:]
	c.number(column, x)
}

func (c *cursor) nullableDouble(column *column) {
	branch := c.in[0]
	c.in = c.in[1:]
	c.out = append(c.out, branch)
	if branch != 0 {
		c.double(column)
	}
}

func (c *cursor) long(column *column) {
	x, bytes := binary.Varint(c.in)
	c.in = c.in[bytes:]
	c.number(column, float64(x))
}

// copy copies fields: s for a text, v for a number or an enum, b for a byte.
func (c *cursor) copy(fields string) {
	at := 0
	for _, field := range []byte(fields) {
		switch field {
		case 's':
			length, bytes := binary.Varint(c.in[at:])
			at += bytes + int(length)
		case 'v':
			for c.in[at] >= 0x80 {
				at++
			}
			at++
		case 'b':
			at++
		}
	}
	c.out = append(c.out, c.in[:at]...)
	c.in = c.in[at:]
}

type shape func(at *cursor, columns []*column)

var shapes = map[string]shape{
	"oneDouble": func(at *cursor, columns []*column) { at.double(columns[0]) },
	"tenColumns": func(at *cursor, columns []*column) {
		for _, column := range columns {
			at.double(column)
		}
	},
	// date, delay, distance, origin, destination
	"flights": func(at *cursor, columns []*column) {
		at.copy("v")
		at.long(columns[0])
		at.long(columns[1])
		at.copy("ss")
	},
	// As src/bench/orders.ts has them.
	"orders": func(at *cursor, columns []*column) {
		at.copy("ssvvssv")
		at.nullableDouble(columns[0])
		at.nullableDouble(columns[1])
		at.nullableDouble(columns[2])
		at.copy("sss")
		at.nullableDouble(columns[3])
		at.nullableDouble(columns[4])
		at.copy("vbv")
		at.long(columns[5])
		at.copy("s")
	},
}

type normalizer struct {
	body    shape
	columns []*column
	rawID   uint32
	// framing and version of the model
	head []byte
}

func newNormalizer(model *model, name string) *normalizer {
	body, known := shapes[name]
	if !known {
		fail(fmt.Errorf("no shape %s", name))
	}
	head := binary.BigEndian.AppendUint32([]byte{0}, model.NormalizedSchemaID)
	return &normalizer{body, model.Columns, model.RawSchemaID, binary.AppendVarint(head, model.Version)}
}

func (n *normalizer) normalize(row []byte, memory *values) []byte {
	if len(row) < framingBytes || row[0] != 0 || binary.BigEndian.Uint32(row[1:]) != n.rawID {
		fail(errors.New("a row of another schema"))
	}
	at := cursor{row[framingBytes:], append(memory.reserve(len(row)+growthBytes), n.head...)}
	n.body(&at, n.columns)
	if len(at.in) > 0 {
		fail(errors.New("a row that is no row of its schema"))
	}
	return memory.take(at.out)
}
