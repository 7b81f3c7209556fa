package runners

// All lists every function, by name.
func All() []*Func {
	return []*Func{
		jobsExitSuccess,
		jobsLastRun,
		jobsListJob,
		jobsListJobs,
		jobsListJobsFilter,
		jobsLookupJID,
		jobsPrintJob,
		manageDown,
		manageStatus,
		manageUp,
	}
}
