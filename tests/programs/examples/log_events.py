"""What the library logs at its most talkative level."""

import sys

import PySpin


class LogPrinter(PySpin.LoggingEventHandler):
    count = 0

    def __init__(self):
        super().__init__()

    def OnLogEvent(self, logging_event_data):
        LogPrinter.count += 1
        print("category: %s" % logging_event_data.GetCategoryName())
        print("priority: %d %s" % (logging_event_data.GetPriority(), logging_event_data.GetPriorityName()))
        print("time: %s" % logging_event_data.GetTimestamp())
        print("ndc: %s, thread: %s" % (logging_event_data.GetNDC(), logging_event_data.GetThreadName()))
        print("message: %s" % logging_event_data.GetLogMessage())


def main():
    system = PySpin.System.GetInstance()
    handler = LogPrinter()
    system.RegisterLoggingEventHandler(handler)
    system.SetLoggingEventPriorityLevel(PySpin.SPINNAKER_LOG_LEVEL_DEBUG)
    if system.GetLoggingEventPriorityLevel() != PySpin.SPINNAKER_LOG_LEVEL_DEBUG:
        print("the level was not taken")
    cam_list = system.GetCameras()
    print("cameras: %d" % cam_list.GetSize())
    cam_list.Clear()
    system.UnregisterLoggingEventHandler(handler)
    system.UnregisterAllLoggingEventHandlers()
    system.ReleaseInstance()
    print("log events: %d" % LogPrinter.count)
    input("Press Enter to exit")
    return LogPrinter.count > 0


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
