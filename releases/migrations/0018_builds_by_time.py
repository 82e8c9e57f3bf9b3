from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("releases", "0017_build_steps"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="build",
            index=models.Index(fields=["-created_at", "-id"], name="builds_by_time"),
        ),
    ]
