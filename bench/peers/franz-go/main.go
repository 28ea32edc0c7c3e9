// "vgm normalize" on franz-go, exactly once, as somebody writes it who knows the shape of the rows.
//
//	normalize --brokers B --shape SHAPE --input TOPIC --output TOPIC --group G --model FILE --rows N
//	          --compression CODEC [--members N]
//
// A row keeps its partition, order, key, headers and timestamp. Prints {"rows": N, "seconds": S}, from the first rows
// to the last commit.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// As long as a transaction of "vgm normalize".
const transaction = 500 * time.Millisecond

var (
	brokers     = flag.String("brokers", "", "")
	shapeName   = flag.String("shape", "", "")
	input       = flag.String("input", "", "")
	output      = flag.String("output", "", "")
	group       = flag.String("group", "", "")
	modelFile   = flag.String("model", "", "")
	rows        = flag.Int64("rows", 0, "")
	compression = flag.String("compression", "none", "")
	members     = flag.Int("members", 1, "")

	processed, committed atomic.Int64
	started              atomic.Int64
	lastCommit           atomic.Int64
)

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func codec() kgo.CompressionCodec {
	if *compression == "lz4" {
		return kgo.Lz4Compression()
	}
	return kgo.NoCompression()
}

func openSession(member int) *kgo.GroupTransactSession {
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(strings.Split(*brokers, ",")...),
		kgo.TransactionalID(fmt.Sprintf("%s-%d", *group, member)),
		kgo.ConsumerGroup(*group),
		kgo.ConsumeTopics(*input),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets(),
		kgo.FetchMaxPartitionBytes(1<<20),
		kgo.FetchMaxBytes(8<<20),
		kgo.FetchMinBytes(64<<10),
		kgo.FetchMaxWait(50*time.Millisecond),
		kgo.DefaultProduceTopic(*output),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codec()),
		kgo.ProducerBatchMaxBytes(512<<10),
		kgo.ProducerLinger(20*time.Millisecond),
		kgo.MaxBufferedRecords(1<<20),
	)
	fail(err)
	return session
}

// Rows of one transaction: their values lie in blocks of one allocation each.
type values struct {
	block []byte
}

const blockBytes = 1 << 20

// reserve returns room for a value, to be appended to.
func (v *values) reserve(bytes int) []byte {
	if cap(v.block)-len(v.block) < bytes {
		v.block = make([]byte, 0, max(blockBytes, bytes))
	}
	return v.block[len(v.block):len(v.block):cap(v.block)]
}

func (v *values) take(value []byte) []byte {
	v.block = v.block[:len(v.block)+len(value)]
	return value[:len(value):len(value)]
}

func run(session *kgo.GroupTransactSession, normalizer *normalizer) {
	defer session.Close()
	ctx := context.Background()
	var memory values
	produced := func(_ *kgo.Record, err error) { fail(err) }
	for committed.Load() < *rows {
		polled, stop := context.WithTimeout(ctx, 20*time.Millisecond)
		fetches := session.PollFetches(polled)
		stop()
		if fetches.NumRecords() == 0 {
			continue
		}
		begun := time.Now()
		started.CompareAndSwap(0, begun.UnixNano())
		fail(session.Begin())
		slice := int64(0)
		for {
			fetches.EachPartition(func(partition kgo.FetchTopicPartition) {
				// Nothing came in time.
				if !errors.Is(partition.Err, context.DeadlineExceeded) {
					fail(partition.Err)
				}
				for _, record := range partition.Records {
					record.Topic = *output
					record.Value = normalizer.normalize(record.Value, &memory)
					session.Produce(ctx, record, produced)
				}
			})
			slice += int64(fetches.NumRecords())
			if time.Since(begun) > transaction || processed.Load()+slice >= *rows {
				break
			}
			polled, stop := context.WithTimeout(ctx, 20*time.Millisecond)
			fetches = session.PollFetches(polled)
			stop()
		}
		processed.Add(slice)
		done, err := session.End(ctx, kgo.TryCommit)
		fail(err)
		if !done {
			// Rolled back, as after a rebalance: somebody reads these rows again.
			processed.Add(-slice)
			continue
		}
		lastCommit.Store(time.Now().UnixNano())
		committed.Add(slice)
	}
}

func main() {
	flag.Parse()
	model := readModel(*modelFile)
	sessions := make([]*kgo.GroupTransactSession, *members)
	for member := range sessions {
		sessions[member] = openSession(member)
	}
	var running sync.WaitGroup
	for _, session := range sessions {
		running.Add(1)
		go func() {
			defer running.Done()
			run(session, newNormalizer(model, *shapeName))
		}()
	}
	running.Wait()
	seconds := float64(lastCommit.Load()-started.Load()) / 1e9
	fmt.Printf("{\"rows\": %d, \"seconds\": %.3f}\n", committed.Load(), seconds)
}
