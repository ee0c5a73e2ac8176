/*
 * varlink_text: takes the .varlink files into the binary as they are.  The paths are
 * relative to the folder in which make runs; the makefile names the files as
 * prerequisites of this object.
 */
#include "manager/control/varlink_text.h"

#define FOLDER "supervisor/manager/control/"
#define EMBED(symbol, file)                           \
	__asm__(".pushsection .rodata\n"              \
		".global " #symbol "\n"               \
		".hidden " #symbol "\n" #symbol ":\n" \
		".incbin \"" FOLDER file "\"\n"       \
		".byte 0\n"                           \
		".popsection\n");                     \
	extern const char symbol[] __attribute__((visibility("hidden")))

EMBED(varlink_text_service, "org.varlink.service.varlink");
EMBED(varlink_text_manager, "io.supd.Manager.varlink");
EMBED(varlink_text_unit, "io.supd.Unit.varlink");
EMBED(varlink_text_job, "io.supd.Job.varlink");
EMBED(varlink_text_session, "io.supd.Session.varlink");
EMBED(varlink_text_log, "io.supd.Log.varlink");
EMBED(varlink_text_event, "io.supd.Event.varlink");
EMBED(varlink_text_alert, "io.supd.Alert.varlink");
EMBED(varlink_text_digest, "io.supd.Digest.varlink");
EMBED(varlink_text_ledger, "io.supd.Ledger.varlink");
EMBED(varlink_text_marks, "io.supd.Marks.varlink");
EMBED(varlink_text_pool, "io.supd.Pool.varlink");
EMBED(varlink_text_metrics, "io.supd.Metrics.varlink");

const struct varlink_text varlink_texts[] = {
	{ "org.varlink.service", varlink_text_service },
	{ "io.supd.Manager", varlink_text_manager },
	{ "io.supd.Unit", varlink_text_unit },
	{ "io.supd.Job", varlink_text_job },
	{ "io.supd.Session", varlink_text_session },
	{ "io.supd.Log", varlink_text_log },
	{ "io.supd.Event", varlink_text_event },
	{ "io.supd.Alert", varlink_text_alert },
	{ "io.supd.Digest", varlink_text_digest },
	{ "io.supd.Ledger", varlink_text_ledger },
	{ "io.supd.Marks", varlink_text_marks },
	{ "io.supd.Pool", varlink_text_pool },
	{ "io.supd.Metrics", varlink_text_metrics },
};
const size_t varlink_ntexts = sizeof(varlink_texts) / sizeof(varlink_texts[0]);
