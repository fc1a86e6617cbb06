package model

// A BatchCommit is a new commit on its way into the store.
type BatchCommit struct {
	RawCommit
	Parents     []Hash
	CommittedAt int64 // seconds, clamped as RawCommit.Scan does
	Keys        []IssueKey
}

// A SyncResult is what a sync found, for the last steps of recording it. The commits
// came before, in batches.
type SyncResult struct {
	Updates  []RefUpdate  // of followed refs, against what the store had
	Branches []BranchLink // issue keys in the names of created branches; Tip is the new tip
	Default  string       // full name of the default branch; "" = unknown
	Digest   [32]byte     // of the list these updates come from
	Rules    string       // fingerprint of the link rules that were used
}

// A LinkChange is what relinking would add to or take from one commit, branch or pull
// request: the one of the three that is not zero.
type LinkChange struct {
	Key         IssueKey
	Commit      Hash
	Branch      string
	PullRequest int64 // its number
	Added       bool  // false: taken away
}
