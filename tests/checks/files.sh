# project_files [PATTERN…]: the files of the project, by git where it is one of its
# checkouts, else all that are not made by a build or a run.
# shellcheck shell=bash
project_files() {
	local names=() p
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git ls-files -- "$@"
		return
	fi
	for p; do names+=(${names[0]:+-o} -path "./$p"); done
	find . \( -path ./.git -o -path ./build -o -path ./journal -o -path ./run -o -path ./state \) -prune -o \
		\( -type f -o -type l \) ${names[0]:+\(} "${names[@]}" ${names[0]:+\)} -print | sed 's|^\./||'
}
