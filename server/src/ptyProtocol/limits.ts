/**
 * Version of the wire protocol between the companion server and the pty host. It is frozen: a change that an old peer
 * would misread takes a new number, and then a new host runs beside the old one until the old one's terminals are gone.
 */
export const ptyProtocolVersion = 1;

/**
 * What a host of this version can do beyond its first release, which is 0; each adds to the one before. A client asks for
 * what is newer only where the host's challenge says so, since params are strict.
 * 1: `maxSessions` of `create`, `setKeepAlive`, `awaitInputRoom`, `typed`, and a handshake without `keepAliveHours`.
 */
export const ptyProtocolRevision = 1;

/** Longest frame, type byte and body together. A longer one ends the connection before any of it is kept. */
export const maxFrameBytes = 1_048_576;
/** Longest frame before the handshake is over. */
export const maxHandshakeFrameBytes = 4_096;
/** Most terminal output in one OUTPUT frame: large enough for few frames, small enough to interleave terminals. */
export const maxOutputBytes = 65_536;
/** Most input in one WRITE frame. A client cuts longer input into several. */
export const maxWriteBytes = 65_536;
/**
 * Input that may wait for a program that does not read. The longest text that a client of the server may send in one go
 * fits, whatever its characters.
 */
export const maxPendingInputBytes = 3_145_728;
/** Longest that a client may have the host wait for room for input. */
export const maxInputWaitMs = 60_000;
/** Longest time for which idle shells are kept without any client. */
export const maxKeepAliveHours = 168;
/** Opaque text a server may leave with a session, in UTF-8. */
export const maxMetadataBytes = 4_096;
/** Opaque screen a server may leave with a session. 5,000 lines of 100 columns with colours fit. */
export const maxCheckpointBytes = 786_432;
/** Credit that a subscription may ask for: bytes sent and not yet acknowledged. */
export const windowBytesRange = { min: 4_096, max: 8_388_608 } as const;
/** Cells a terminal may have in one direction. */
export const sizeRange = { minCols: 1, maxCols: 1_000, minRows: 1, maxRows: 1_000 } as const;
/** Each side has this long to prove itself before the other one hangs up. */
export const handshakeTimeoutMs = 5_000;
/** A client says something at least this often; a `ping` where it has nothing else to say. */
export const heartbeatIntervalMs = 5_000;
/** A client that has said nothing for this long is taken for hung, and let go. */
export const clientSilenceLimitMs = 60_000;
