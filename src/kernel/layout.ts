/*
 * What TypeScript and the kernel (assembly/) share: where things stand in the kernel's memory, and the instructions
 * of its programs. AssemblyScript compiles this file too, so that it has whole numbers and nothing else.
 */

/** Rows whose positions are held at once; their columns stand at fixed distances. */
export const pieceRows = 32768

/**
 * Columns of a piece's positions, in bytes from their beginning. Each is 64 bytes further than its size asks for: at
 * a multiple of 4 KiB they would all compete for the same lines of the cache.
 */
export const offsetDeltaAt = 0
export const keyStartAt = 131136
export const keyEndAt = 262272
export const valueStartAt = 393408
export const valueEndAt = 524544
export const recordEndAt = 655680
export const timestampAt = 786816
export const statusAt = 1049024
export const positionsBytes = 1081856

/** The walk over a batch: what it is given, and what it has found. */
export const walkFrom = 0
export const walkEnd = 4
export const walkRows = 8
/** the position from which on no record is begun */
export const walkStop = 12
export const walkPositions = 16
/** position after the last record that was walked over */
export const walkNext = 20
export const walkCount = 24
/** the schema id of all rows that are not null, if they are framed alike and have no headers; else -1 */
export const walkSchemaId = 28
/** bytes that the record takes which the window ends in; 0 if it is not known either */
export const walkNeeded = 32
/** whether the batch ends with the window */
export const walkIsWhole = 36
export const walkBaseMs = 40
export const walkBytes = 48

/** The writing of rows: what it is given, and what it has found. */
export const runRow = 0
export const runTo = 4
export const runPositions = 8
/** the program of the rows' schema, and the columns that it names */
export const runCode = 12
export const runColumns = 16
/** what each value begins with */
export const runHead = 20
export const runHeadBytes = 24
/** the most bytes that a value grows by, its head included */
export const runGrowth = 28
/** where to write, and how far */
export const runOut = 32
export const runOutEnd = 36
/** bytes of the batch up to `runOut`, and its limit */
export const runUsed = 40
export const runLimit = 44
/** records of the batch so far */
export const runCount = 48
/** headers in place of the row's own; 0 for its own */
export const runHeaders = 52
export const runHeadersEnd = 56
/** the model version that `runColumns` belong to; -1 for none yet */
export const runVersion = 60
/** the error of all rows of this version, 0 for none */
export const runRejected = 64
/** for `reasonFailed`: the error; for `reasonVersion`: the version; for `reasonRoom`: the bytes that it takes */
export const runDetail = 68
/** bytes that the lengths of the last record and its value took: a guess at those of the next */
export const runLengthBytes = 72
export const runValueLengthBytes = 76
export const runBaseMs = 80
export const runMaxMs = 88
/** room for `stackEntries` words: calls and blocks while they are open */
export const runStack = 96
/** bytes of the value before its body */
export const runFraming = 100
/** where `transformDoubles` has stopped writing */
export const runDoublesOut = 104
/** rows with a value that were written since this was set to 0 */
export const runSent = 108
export const runBytes = 112

/** Why the kernel has stopped before a row. */
export const reasonDone = 0
/** the batch has no room for it within its limit */
export const reasonFull = 1
/** the place to write to has no room for the largest that it can become */
export const reasonRoom = 2
export const reasonFailed = 3
/** it was normalized with another model version */
export const reasonVersion = 4

/** A modelled column. */
export const columnLow = 0
export const columnCellsPerUnit = 8
/** the root's cells: a pair of mode and slot, or `unresolvedPair` */
export const columnRoot = 16
export const columnModes = 20
export const columnModeCount = 24
/** the tables, and the lists of candidates: their addresses */
export const columnTables = 28
export const columnLists = 32
/** Infinity for no clipping */
export const columnClip = 40
/** 10^decimals of restored values; 0 if they are not rounded */
export const columnUnits = 48
/** the numbers of the rows of the piece, their modes, and which are null: for what is stored or replaced */
export const columnValues = 56
export const columnStoredModes = 60
export const columnNulls = 64
/** the pairs that cells name */
export const columnPairs = 68
/** the edges of the slots, padded with infinities to one less than a power of two, and half that power in bytes */
export const columnEdges = 72
export const columnHalfEdges = 76
/** numbers that no pair has counted: words of four bytes by slot and by mode */
export const columnCountsBySlot = 80
export const columnCountsByMode = 84
/** where the same column stands once more, with counts of what was counted and not sent */
export const unsentAt = 88
export const columnBytes = 176

/** A mode. */
export const modeMean = 0
export const modeScale = 8
export const modeOffset = 16
export const modePrecision = 24
export const modeBytes = 32

/**
 * A mode and a slot of the counts, the edge from which on the next pair counts, and how many numbers it counted. One
 * more without an edge stands behind the last.
 */
export const pairMean = 0
export const pairScale = 8
export const pairEdge = 16
export const pairMode = 24
export const pairCount = 28
export const pairBytes = 32

/** A table of modes below the root; its cells are words of two bytes. */
export const tableLow = 0
export const tableCellsPerUnit = 8
export const tableCellCount = 16
export const tableCells = 20
export const tableBytes = 24

export const rootCells = 16384
/** A cell of the root that names no pair. */
export const unresolvedPair = 255
/** Cells: below `firstTable` a mode, below `firstList` a table, else a list. */
export const firstTable = 256
export const firstList = 512

/**
 * A summary of a column: the values to add and how many, the page of each octave (-1 for none), and the pages: where
 * the bin of each tenth of a percent of an octave ends; 0 for none.
 */
export const summaryValues = 0
export const summaryCount = 4
export const summaryOctaves = 8
export const summaryPages = 12
export const summaryPageCount = 16
export const summaryPageRoom = 20
export const summaryBins = 24
export const summaryBinCount = 28
export const summaryBinRoom = 32
export const summaryCentre = 40
export const summaryMin = 48
export const summaryMax = 56
export const summaryBytes = 64
export const summaryPageBytes = 4096

/** A bin of it: doubles, of which the second is the sum of steps. */
export const binCountAt = 0
export const binSquaresAt = 16
export const binOnlyAt = 24
export const binBytes = 32

/** Frames of records: five varints and the attributes at most. */
export const frameBytes = 51

/*
 * Instructions: words of four bytes, operands after them. A target is a distance from the program's beginning in
 * bytes, a column its distance from the first one in bytes.
 */

/** the value ends: what stands between its last number and its end is copied */
export const opEnd = 0
/** the value ends, and was not written */
export const opEndStored = 1
/** at least so many bytes follow */
export const opAtLeast = 2
/** exactly so many bytes follow */
export const opExactly = 3
/** size in bytes */
export const opFixed = 4
export const opInt = 5
export const opLong = 6
/** bytes and string */
export const opText = 7
/** union with null, its branch in one byte: the null branch's byte, target for a null */
export const opNullable = 8
export const opBoolean = 9
/** number of symbols */
export const opEnum = 10
/** target */
export const opJump = 11
/** target: a record's code, which ends with `opReturn` */
export const opCall = 12
export const opReturn = 13
/** number n of branches, then n targets */
export const opUnion = 14
/** target after the items' code, which begins here */
export const opBlocks = 15
/** target: the items' code; repeats it, or goes on to the next block */
export const opNextItem = 16
/** items of no bytes at all: nothing to repeat */
export const opEmptyBlocks = 17
/** begins a field that has such items */
export const opField = 18
/** the stamp of normalized rows, which is left out */
export const opVersion = 19
/** number n of columns, then n columns, one after the other in the value */
export const opNormalizeDoubles = 20
/** column */
export const opNormalizeFloat = 21
/** column */
export const opNormalizeInt = 22
export const opNormalizeLong = 23
/** number n of columns, then n columns: a double and a mode each, restored to a double */
export const opRestoreDoubles = 24
/** column */
export const opRestoreFloat = 25
export const opRestoreInt = 26
export const opRestoreLong = 27
/** column: the number, or the number and its mode, is kept */
export const opStoreDouble = 28
export const opStoreFloat = 29
export const opStoreInt = 30
export const opStoreLong = 31
export const opStorePair = 32
/** column: a null, null branch's byte read before */
export const opStoreNull = 33
/** copies what stands between the last number and here: the number that follows is replaced */
export const opCopy = 34
/** column: the kept number in its own type, or with its mode; what was read since `opCopy` is left out */
export const opPutDouble = 35
export const opPutFloat = 36
export const opPutInteger = 37
export const opPutPair = 38

/** what is left of the value belongs to it, whatever it is */
export const opRest = 39
/** column, size in bytes of a fixed or 0 for bytes, and 10^scale in two words: a decimal */
export const opNormalizeDecimal = 40
export const opRestoreDecimal = 41
export const opStoreDecimal = 42
export const opPutDecimal = 43

/** Calls and blocks that may be open at once; deeper nesting counts as malformed. */
export const stackEntries = 16384
/** Items of a field that take no bytes: more are a count that lies, and fill a reader's memory. */
export const mostEmptyItems = 65536

/** Errors of rows: as in rows/row-error.ts, which a test compares. */
export const errorMalformed = 4
export const errorTrailingBytes = 5
export const errorNotFinite = 6
export const errorBeyondExact = 7
export const errorBadMode = 8
export const errorBeyondModes = 9
/** no error of a row: it belongs to another model version */
export const errorVersion = 63
