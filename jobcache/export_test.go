package jobcache

// CheckMagic is what tests cannot reach without a network file system.
var CheckMagic = checkMagic
