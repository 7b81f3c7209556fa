package runners

// All lists every function, by name.
func All() []*Func {
	return []*Func{
		jobsActive,
		jobsExitSuccess,
		jobsLastRun,
		jobsListJob,
		jobsListJobs,
		jobsListJobsFilter,
		jobsLookupJID,
		jobsMaster,
		jobsPrintJob,
		jobsTimeline,
		jobsWatch,
		manageAlived,
		manageAllowed,
		manageBootstrap,
		manageBootstrapPsexec,
		manageDown,
		manageJoined,
		manageKeyRegen,
		manageListNotState,
		manageListState,
		manageNotAlived,
		manageNotAllowed,
		manageNotJoined,
		manageNotPresent,
		manageNotReaped,
		managePresent,
		manageReaped,
		manageSafeAccept,
		manageStatus,
		manageUp,
		manageVersions,
		stateEvent,
	}
}
