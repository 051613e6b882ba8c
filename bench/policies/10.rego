package clawea

default allow := false

operations := {"issue.get0", "issue.create0", "issue.comment0"}

projects := {"ENG0", "OPS0"}

fields := {"summary0", "description0"}

denied_operations := {"report0.delete"}

denied_fields := {"assignee0"}

allow if {
	permitted
	input.project in projects
	every field in input.fields { field in fields }
	not denied
}

permitted if input.operation in operations

permitted if startswith(input.operation, "report0.")

denied if input.operation in denied_operations

denied if {
	some field in input.fields
	field in denied_fields
}
